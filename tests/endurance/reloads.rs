//! Two thousand requests per second during five hundred reloads, valid and invalid.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use modelgate::gateway::{Reloader, Server};
use modelgate::sources::Sources;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::PATIENCE;
use crate::key::{Key, in_a_while};

const RELOADS: u64 = 500;
const PER_SECOND: u64 = 2_000;
const CALLERS: usize = 48;
/// The maximum time from a write to a response by the new rules.
const VISIBLE: Duration = Duration::from_millis(200);

/// Versions of files, laid out like a ConfigMap of Kubernetes. Everything in a version has its number: the model's
/// name at the upstream, the upstream's key, the access group in the policies, and the keys of the roles.
struct Files {
    root: PathBuf,
    upstream: SocketAddr,
    always: Key,
    /// The keys alternate under one id.
    turns: [Key; 2],
}

impl Files {
    fn jwks(&self, version: u64) -> String {
        let keys = [&self.always, self.turn(version)].map(|key| key.jwks()["keys"][0].clone());
        json!({"keys": keys}).to_string()
    }

    fn turn(&self, version: u64) -> &Key {
        &self.turns[usize::from(version % 2 == 1)]
    }

    fn config(&self, version: u64) -> String {
        let (upstream, role) = (self.upstream, role(version));
        format!(
            r#"
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {{user_roles_jwt_field: roles, user_allowed_roles: [always, {role}], enforce_rbac: true}}
  role_permissions: [{{role: internal_user, models: [m, never]}}]
model_list:
  - model_name: m
    model_info: {{access_groups: [group-{version}]}}
    litellm_params: {{model: openai/{version}, api_base: "http://{upstream}/v1", api_key: "{version}"}}
  - model_name: never
    litellm_params: {{model: openai/never, api_base: "http://{upstream}/v1"}}
modelgate: {{policies: policies}}
"#
        )
    }

    fn policy(version: u64) -> String {
        format!(
            r#"@reason("{version}") forbid (principal, action == Action::"use_model", resource)
               unless {{ resource in AccessGroup::"group-{version}" }};"#
        )
    }

    /// Writes a version, invalid in one of three ways or valid. Returns the time at which it replaced the previous
    /// one.
    fn publish(&self, directory: &str, version: u64, spoilt: Option<u64>) -> Instant {
        let write = |name: &str, text: String| {
            let path = self.root.join(directory).join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let mut texts = [self.config(version), self.jwks(version), Self::policy(version)];
        if let Some(which) = spoilt {
            texts[usize::try_from(which % 3).unwrap()] = format!("[{directory}");
        }
        for (name, text) in ["config.yaml", "jwks.json", "policies/rule.cedar"].into_iter().zip(texts) {
            write(name, text);
        }
        std::os::unix::fs::symlink(directory, self.root.join("..next")).unwrap();
        let written = Instant::now();
        std::fs::rename(self.root.join("..next"), self.root.join("..data")).unwrap();
        written
    }
}

fn role(version: u64) -> &'static str {
    if version.is_multiple_of(2) { "even" } else { "odd" }
}

/// The requests of callers, with tokens on demand.
struct Tokens {
    always: String,
    /// Signed by the key of one turn, with the role of the other one: no version accepts both.
    crossed: [String; 2],
}

/// The upstream. It reports the model and the key of the request.
async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let key = request.headers()["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let model = serde_json::from_slice::<Value>(&body).unwrap()["model"].clone();
    Ok(Response::new(Full::from(json!({"model": model, "key": key}).to_string())))
}

async fn serve_upstream(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service_fn(echo));
        tokio::spawn(connection);
    }
}

/// One connection to the gateway.
struct Caller(SendRequest<Full<Bytes>>);

impl Caller {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn ask(&mut self, token: &str, model: &str) -> (u16, Value) {
        let request = Request::post("/v1/chat/completions")
            .header("host", "gate")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Full::from(format!(r#"{{"model": "{model}"}}"#)))
            .unwrap();
        self.0.ready().await.unwrap();
        let answer = self.0.send_request(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// The version that answers. Every part of the response must agree on it.
    async fn version(&mut self, tokens: &Tokens) -> u64 {
        let (status, body) = self.ask(&tokens.always, "m").await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["model"], body["key"], "a request that saw two generations");
        body["model"].as_str().unwrap().parse().unwrap()
    }
}

/// Sends its share of the requests until it is stopped.
async fn call(
    address: SocketAddr,
    tokens: Arc<Tokens>,
    began: Instant,
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) {
    let mut caller = Caller::connect(address).await;
    let mut seen = 0;
    while !stop.load(Ordering::Relaxed) {
        let turn = sent.fetch_add(1, Ordering::Relaxed);
        let due = began + Duration::from_micros(turn * 1_000_000 / PER_SECOND);
        tokio::time::sleep_until(due.into()).await;
        match turn % 8 {
            6 => {
                let (status, body) = caller.ask(&tokens.always, "never").await;
                assert_eq!(status, 403, "{body}");
            }
            7 => {
                let token = &tokens.crossed[usize::try_from(turn / 8 % 2).unwrap()];
                let (status, body) = caller.ask(token, "m").await;
                assert!(
                    status == 401 || status == 403,
                    "keys of one generation, rules of another: {status} {body}"
                );
            }
            _ => {
                let version = caller.version(&tokens).await;
                assert!(version >= seen, "{version} after {seen}");
                seen = version;
            }
        }
    }
}

fn write_layout(root: &Path) {
    for name in ["config.yaml", "jwks.json", "policies"] {
        std::os::unix::fs::symlink(Path::new("..data").join(name), root.join(name)).unwrap();
    }
}

pub(crate) async fn reload_under_load() {
    let (directory, upstream) =
        (tempfile::tempdir().unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let files = Files {
        root: directory.path().to_owned(),
        upstream: upstream.local_addr().unwrap(),
        always: Key::new(),
        turns: [Key::named("turn"), Key::named("turn")],
    };
    tokio::spawn(serve_upstream(upstream));
    write_layout(&files.root);
    files.publish("..v0", 0, None);
    let claims = |role: &str| json!({"sub": "u", "roles": [role], "exp": in_a_while()});
    let crossed = [files.turns[0].token(&claims("odd")), files.turns[1].token(&claims("even"))];
    let tokens = Arc::new(Tokens { always: files.always.token(&claims("always")), crossed });

    let keys = url::Url::from_file_path(files.root.join("jwks.json")).unwrap().to_string();
    let env = move |name: &str| (name == "JWT_PUBLIC_KEY_URL").then(|| keys.clone());
    let sources = Sources::new(&files.root.join("config.yaml"), None);
    let reloader = Reloader::start(sources, Box::new(env), None).unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), Arc::clone(reloader.gateway())).await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(server.run(std::future::pending()));
    tokio::spawn(Arc::clone(&reloader).watch());

    let mut probe = Caller::connect(address).await;
    let straight = files.turn(0).token(&claims(role(0)));
    assert_eq!(probe.ask(&straight, "m").await.0, 200, "only what is crossed is refused");

    let (began, sent, stop) = (Instant::now(), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| tokio::spawn(call(address, tokens.clone(), began, sent.clone(), stop.clone())))
        .collect();
    let slowest = reload_again_and_again(&files, &reloader, &mut probe, &tokens).await;
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let rate = sent.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    println!("{RELOADS} reloads, {rate:.0} requests per second, visible after at most {slowest:?}");
    assert!(slowest <= VISIBLE, "visible after {slowest:?}");
    assert!(rate >= PER_SECOND as f64 * 0.98, "{rate:.0} requests per second are too few to say anything");
}

/// The longest time from a valid write to a response by the new rules.
async fn reload_again_and_again(
    files: &Files,
    reloader: &Reloader,
    probe: &mut Caller,
    tokens: &Tokens,
) -> Duration {
    let (mut version, mut slowest, mut last) = (0, Duration::ZERO, "..v0".to_owned());
    for reload in 1..=RELOADS {
        let (directory, is_good) = (format!("..v{reload}"), reload % 3 != 0);
        let written = files.publish(
            &directory,
            if is_good { version + 1 } else { version },
            (!is_good).then_some(reload / 3),
        );
        if is_good {
            version += 1;
            while probe.version(tokens).await != version {
                assert!(written.elapsed() < PATIENCE, "version {version} never came");
            }
            slowest = slowest.max(written.elapsed());
        } else {
            // The previous valid ones have left no error.
            let is_refused = || reloader.status().last_error.is_some();
            while !is_refused() {
                assert!(written.elapsed() < PATIENCE, "{directory} was never refused");
                assert_eq!(probe.version(tokens).await, version);
            }
        }
        std::fs::remove_dir_all(files.root.join(std::mem::replace(&mut last, directory))).unwrap();
    }
    let status = reloader.status();
    assert_eq!(status.reloads, version, "each good write made one generation");
    assert!(status.failures >= RELOADS / 3);
    slowest
}
