//! A gateway before several deployments, each of which fails as its script says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use modelgate::config::Config;
use modelgate::decision_log::{DecisionLog, Line};
use modelgate::dropins::DropIns;
use modelgate::gateway::Gateway;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::fixture::{Fixture, Key, Message, generation, read_message, soon};
use crate::websocket_fixture::accepting_answer;

/// What a deployment does with a request that it has read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    /// Answers 200 with a body that names the deployment.
    Serves,
    /// Answers with a status and more headers, and the body `failed`.
    Fails(u16, &'static str),
    /// Answers with a status and this body.
    Says(u16, &'static str),
    /// Opens a WebSocket, and keeps it.
    Opens,
    /// Closes the connection.
    Resets,
    /// Closes the connection in the middle of the head of an answer.
    BreaksHead,
    /// Begins an answer of 200, and closes the connection in the middle of its body.
    BreaksOff,
    /// Answers nothing and stays connected.
    Stalls,
}

/// A deployment: what it does first, second, …; the last act repeats.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicUsize>,
    bodies: Arc<Mutex<Vec<String>>>,
    /// Keeps the port from others.
    _bound: Option<TcpSocket>,
}

impl Upstream {
    pub(crate) async fn that(name: &'static str, script: &'static [Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, bodies) = (Arc::new(AtomicUsize::default()), Arc::new(Mutex::new(Vec::new())));
        let (counted, kept) = (Arc::clone(&requests), Arc::clone(&bodies));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (counted, kept) = (Arc::clone(&counted), Arc::clone(&kept));
                tokio::spawn(async move { serve(stream, name, script, &counted, &kept).await });
            }
        });
        Self { address, requests, bodies, _bound: None }
    }

    /// One that refuses connections: its port is bound, and nobody listens.
    pub(crate) async fn that_is_down() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        Self { address, requests: Arc::default(), bodies: Arc::default(), _bound: Some(socket) }
    }

    /// How many requests arrived.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Acquire)
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    name: &str,
    script: &[Act],
    counted: &AtomicUsize,
    kept: &Mutex<Vec<String>>,
) {
    let request = read_message(&mut stream).await;
    kept.lock().unwrap().push(request.body.clone());
    let turn = counted.fetch_add(1, Ordering::AcqRel);
    let act = *script.get(turn).or(script.last()).unwrap();
    let text = match act {
        Act::Serves => {
            let length = name.len();
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{name}")
        }
        Act::Fails(status, headers) => format!(
            "HTTP/1.1 {status} Failed\r\nconnection: close\r\ncontent-length: 6\r\n{headers}\r\nfailed"
        ),
        Act::Says(status, body) => {
            let length = body.len();
            format!("HTTP/1.1 {status} Failed\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        }
        Act::BreaksHead => "HTTP/1.1 200 OK\r\ncontent-le".to_owned(),
        Act::BreaksOff => "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_owned(),
        Act::Resets => return,
        Act::Opens => {
            drop(stream.write_all(accepting_answer(&request.head).as_bytes()).await);
            drop(stream.read_to_end(&mut Vec::new()).await);
            return;
        }
        Act::Stalls => {
            // Until the gateway gives up.
            drop(stream.read(&mut [0]).await);
            return;
        }
    };
    drop(stream.write_all(text.as_bytes()).await);
}

/// The role may use the models whose names begin with `may`.
pub(crate) struct Router(pub(crate) Fixture);

impl Router {
    /// `models` is the content of `model_list`, and `settings` that of `router_settings`.
    pub(crate) async fn with(models: &[(&str, &Upstream, &str)], settings: &str) -> Self {
        Self::with_block(models, settings, "").await
    }

    /// The same with more in the block `modelgate`.
    pub(crate) async fn with_block(models: &[(&str, &Upstream, &str)], settings: &str, block: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = Key::new();
        std::fs::write(directory.path().join("jwks.json"), key.jwks().to_string()).unwrap();
        let list = models.iter().map(|(name, upstream, more)| {
            let address = upstream.address;
            format!("  - {{model_name: {name}, litellm_params: {{model: openai/real-{name}, api_base: 'http://{address}/v1', {more}}}}}\n")
        });
        let yaml = format!(
            "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {{user_roles_jwt_field: roles, \
             user_allowed_roles: [basic_user], enforce_rbac: true}}\n  role_permissions:\n    - {{role: internal_user, \
             models: [may, may-too, may-b, may-c, may-last, unknown]}}\nmodel_list:\n{}router_settings: {{{settings}}}\nmodelgate: {{decision_log: {{file: log}}, {block}}}\n",
            list.collect::<String>()
        );
        let keys = url::Url::from_file_path(directory.path().join("jwks.json")).unwrap();
        let environment = |name: &str| (name == "JWT_PUBLIC_KEY_URL").then(|| keys.to_string());
        let config = Config::parse("config.yaml", &yaml, directory.path(), &environment).unwrap();
        let log = DecisionLog::start(config.gateway.decision_log.as_ref().unwrap()).unwrap();
        let gateway = Arc::new(Gateway::new(generation(config, &DropIns::default())).unwrap());
        gateway.observers().log_to(log);
        let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self(Fixture::serve(gateway, unused, key, directory).await)
    }

    /// Asks for a model, and returns the answer.
    pub(crate) async fn chat(&self, model: &str) -> Message {
        let token = self.0.token(&["basic_user"]);
        let body = format!(r#"{{"model": "{model}", "messages": []}}"#);
        soon(read_message(&mut self.0.chat(&token, &body).await)).await
    }

    /// The lines of the decision log so far.
    pub(crate) async fn lines(&self) -> Vec<Line> {
        let log = self.0.gateway.observers().log().unwrap();
        assert!(log.flush(std::time::Duration::from_secs(20)).await);
        let text = std::fs::read_to_string(self.0.directory.path().join("log")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Of the last line: the model, the deployment and the number of attempts.
    pub(crate) async fn served(&self) -> (String, String, u32) {
        let served = self.lines().await.pop().unwrap().served.unwrap();
        (served.model, served.deployment, served.attempts)
    }
}
