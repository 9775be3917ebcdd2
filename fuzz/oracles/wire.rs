//! For any bytes that a client sends, an upstream gets complete requests with plain framing. Each of them was judged,
//! none has the caller's credential, and the client gets a response to each.
//!
//! An input has a byte that chooses the sizes of the pieces, and then the bytes that a client sends on one
//! connection. `{T}` in it stands for a valid token. Upstream and server are real, except for the client's socket.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use modelgate::config::Config;
use modelgate::engine::Snapshot;
use modelgate::gateway::{Gateway, Generation, TokenVerifier, internal};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::{additional, plain};

const MAX_LEN: usize = 4 * 1024;
const TOKEN: &str = include_str!("../seeds/token/signed-eddsa");
const UPSTREAM_KEY: &str = "sk-upstream";
/// A text that only responses of the upstream contain.
const MARK: &str = "x-upstream: 5f0c1b7e\r\n";
const PATIENCE: Duration = Duration::from_secs(8);
/// Headers that belong to one connection, and headers about the caller that only the gateway may set.
const NEVER: [&str; 12] = [
    "cookie",
    "expect",
    "forwarded",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "x-api-key",
    "x-forwarded-for",
    "x-litellm-team-id",
    "x-real-ip",
];

pub(crate) fn check(data: &[u8]) {
    let Some((pieces, sent)) = data.split_first().filter(|_| data.len() <= MAX_LEN) else { return };
    let sent = replaced(sent, b"{T}", TOKEN.as_bytes());
    static WORLD: OnceLock<World> = OnceLock::new();
    let (answers, arrived) = WORLD.get_or_init(World::new).exchange(usize::from(*pieces), sent);

    for request in &arrived {
        check_request(request);
    }
    let text = String::from_utf8_lossy(&answers);
    assert_eq!(text.matches(MARK).count(), arrived.len(), "answers and requests differ: {text}");
    assert!(!text.contains(UPSTREAM_KEY) && !text.contains(TOKEN), "an answer shows a credential");
}

fn replaced(text: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(what.len()).position(|window| window == what) {
        out.extend([&rest[..at], by].concat());
        rest = &rest[at + what.len()..];
    }
    out.extend(rest);
    out
}

fn check_request(request: &[u8]) {
    let shown = String::from_utf8_lossy(request);
    let (head, body) = framed(request).unwrap_or_else(|| panic!("it is not plainly framed: {shown}"));
    // The query and the body may contain any text of the caller.
    let repeated = head.headers.values().any(|value| value.contains(TOKEN));
    assert!(!repeated, "the caller's token goes upstream: {shown}");
    for name in NEVER {
        assert!(!head.headers.contains_key(name), "`{name}` goes upstream: {shown}");
    }
    let credential = head.headers.get("authorization").map(String::as_str);
    assert_eq!(credential, Some("Bearer sk-upstream"), "{shown}");

    // Only one model is allowed. It has another name at the upstream.
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    assert!(path.starts_with("/v1/"), "{shown}");
    assert!(!path.contains("//") && !path.contains("/.") && !path.contains('%'), "{shown}");
    let queried = query.split('&').filter_map(|pair| pair.strip_prefix("model="));
    assert!(queried.clone().all(|model| model == "gpt%2Dopen"), "{shown}");
    if let Some((read, _, _)) = plain::read(&body) {
        let model = read.get("model");
        assert!(model.is_none_or(|model| model == "gpt-open"), "{shown}");
        assert!(model.is_some() || !read.is_object() || head.method != "POST", "{shown}");
        let others = additional::additional(&read);
        assert!(others.iter().all(|model| ["open", "gpt-open"].contains(model)), "{others:?} {shown}");
    }
}

struct Head {
    method: String,
    target: String,
    headers: HashMap<String, String>,
}

/// A complete request with no bytes after it: no folded line, no bare line break, no duplicate header, one length.
fn framed(bytes: &[u8]) -> Option<(Head, Vec<u8>)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let body = &bytes[end + 4..];
    // Values may have bytes that are not text. Each byte becomes the character of the same number.
    let head: String = bytes[..end].iter().map(|byte| char::from(*byte)).collect();
    let mut lines = head.split("\r\n");
    let line: Vec<&str> = lines.next()?.split(' ').collect();
    let [method, target, "HTTP/1.1"] = line[..] else { return None };
    let mut headers: HashMap<String, String> = HashMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0']) {
            return None;
        }
        let value = value.trim().to_owned();
        let once = headers.insert(name.to_ascii_lowercase(), value).is_none();
        let counts = [
            "content-length",
            "transfer-encoding",
            "host",
            "authorization",
            "content-type",
            "content-encoding",
        ];
        if !once && counts.contains(&name.to_ascii_lowercase().as_str()) {
            return None;
        }
    }
    let host = headers.get("host")?;
    let length = headers.get("content-length").map(|length| length.parse::<usize>());
    let body = match (length, headers.get("transfer-encoding").map(String::as_str)) {
        (None, None) if body.is_empty() => Vec::new(),
        (Some(Ok(length)), None) if body.len() == length => body.to_vec(),
        (None, Some("chunked")) => chunks(body)?,
        _ => return None,
    };
    host.starts_with("127.0.0.1:")
        .then(|| (Head { target: target.to_owned(), method: method.to_owned(), headers }, body))
}

fn chunks(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?, 16).ok()?;
        let chunk = bytes.get(end + 2..end + 2 + size)?;
        body.extend(chunk);
        bytes = bytes.get(end + 2 + size..)?.strip_prefix(b"\r\n")?;
        if size == 0 {
            return bytes.is_empty().then_some(body);
        }
    }
}

/// One gateway and one upstream, shared by all inputs.
struct World {
    runtime: Runtime,
    gateway: Arc<Gateway>,
    arrived: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let upstream = listener.local_addr().expect("an address");
        // The package is `modelgate` when a test replays the seeds, and the package of the targets otherwise.
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let keys = ["fuzz/oracles/keys.json", "oracles/keys.json"].map(|path| package.join(path));
        let keys = keys.iter().find(|path| path.exists()).expect("the keys are there");
        let url = url::Url::from_file_path(keys).expect("an address");
        let yaml = format!(
            r#"
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {{user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}}
  role_permissions: [{{role: internal_user, models: [open]}}]
model_list:
  - {{model_name: open, litellm_params: {{model: openai/gpt-open, api_base: "http://{upstream}/v1", api_key: {UPSTREAM_KEY}}}}}
  - {{model_name: shut, litellm_params: {{model: openai/gpt-shut, api_base: "http://{upstream}/v1", api_key: {UPSTREAM_KEY}}}}}
"#
        );
        let environment = |name: &str| (name == "JWT_PUBLIC_KEY_URL").then(|| url.to_string());
        let config = Config::parse("fuzz.yaml", &yaml, package, &environment).expect("a valid configuration");
        let verifier = TokenVerifier::new(&config.jwt.as_ref().expect("tokens").tokens).expect("a verifier");
        let snapshot = Snapshot::build(config).expect("it translates");
        let gateway = Gateway::new(Generation::new(snapshot, Some(verifier))).expect("a gateway");
        let arrived = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        runtime.spawn(listen(listener, Arc::clone(&arrived)));
        let world = Self { runtime, gateway: Arc::new(gateway), arrived };
        // If no request passes, there is nothing to check.
        let allowed = include_bytes!("../seeds/wire/allowed");
        let (answers, arrived) = world.exchange(0, replaced(&allowed[1..], b"{T}", TOKEN.as_bytes()));
        assert_eq!(arrived.len(), 1, "{}", String::from_utf8_lossy(&answers));
        world
    }

    /// The bytes that the client and the upstream receive.
    fn exchange(&self, pieces: usize, sent: Vec<u8>) -> (Vec<u8>, Vec<Vec<u8>>) {
        let answers = Arc::<Mutex<Vec<u8>>>::default();
        let client = Client { sent, at: 0, pieces, answers: Arc::clone(&answers) };
        let served = async {
            tokio::time::timeout(PATIENCE, internal::serve(client, Arc::clone(&self.gateway))).await
        };
        assert!(self.runtime.block_on(served).is_ok(), "the connection never ends");
        let answers = std::mem::take(&mut *answers.lock().expect("nobody panics with it"));
        (answers, std::mem::take(&mut *self.arrived.lock().expect("nobody panics with it")))
    }
}

/// A client that sends everything, and then reads.
struct Client {
    sent: Vec<u8>,
    at: usize,
    pieces: usize,
    answers: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = if self.pieces == 0 { usize::MAX } else { self.pieces };
        let end = self.sent.len().min(self.at.saturating_add(piece.min(buf.remaining())));
        buf.put_slice(&self.sent[self.at..end]);
        self.at = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.answers.lock().expect("nobody panics with it").extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

async fn listen(listener: TcpListener, arrived: Arc<Mutex<Vec<Vec<u8>>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, Arc::clone(&arrived)));
    }
}

/// Answers each request. Bytes that never become a request are kept too, so that the check finds them.
async fn answer(mut stream: TcpStream, arrived: Arc<Mutex<Vec<Vec<u8>>>>) {
    let _ = stream.set_nodelay(true);
    let mut bytes = Vec::new();
    loop {
        match stream.read_buf(&mut bytes).await {
            Ok(read) if read > 0 => {}
            _ if bytes.is_empty() => return,
            _ => return arrived.lock().expect("nobody panics with it").push(bytes),
        }
        let Some((head, _)) = framed(&bytes) else { continue };
        arrived.lock().expect("nobody panics with it").push(std::mem::take(&mut bytes));
        let body = if head.method == "HEAD" { "" } else { "ok" };
        let text = format!("HTTP/1.1 200 OK\r\n{MARK}content-length: 2\r\n\r\n{body}");
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}
