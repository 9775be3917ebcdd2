//! The clients, gateways and upstreams of the tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use modelgate::config::Config;
use modelgate::dropins::DropIns;
use modelgate::engine::Snapshot;
use modelgate::gateway::{Gateway, Generation, Server, TokenVerifier};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use crate::key::{Key, in_a_while};

/// Longer than any step takes, so that a hang fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<F: Future>(step: F) -> F::Output {
    tokio::time::timeout(PATIENCE, step).await.expect("a step hangs")
}

/// A gateway on the documented example, with both models at one upstream.
pub(crate) struct Fixture {
    pub(crate) address: SocketAddr,
    pub(crate) upstream: TcpListener,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) served: JoinHandle<()>,
    pub(crate) key: Key,
    pub(crate) directory: tempfile::TempDir,
}

pub(crate) const MASTER_KEY: &str = "sk-master";

/// The header with a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// Adds settings to the block `modelgate`. `UPSTREAM` stands for the upstream's address.
    pub(crate) async fn with(modelgate: &str) -> Self {
        Self::with_tokens("", modelgate, &[]).await
    }

    /// A gateway in front of another server, which receives all requests. The fixture's own upstream receives none.
    pub(crate) async fn before(other: SocketAddr) -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::of(upstream, other, ["", ""], &[]).await
    }

    /// Adds settings to the blocks `litellm_jwtauth` and `modelgate`, and environment variables.
    pub(crate) async fn with_tokens(jwtauth: &str, modelgate: &str, variables: &[(&str, &str)]) -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = upstream.local_addr().unwrap();
        Self::of(upstream, address, [jwtauth, modelgate], variables).await
    }

    async fn of(
        upstream: TcpListener,
        address: SocketAddr,
        [jwtauth, modelgate]: [&str; 2],
        variables: &[(&str, &str)],
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = Key::new();
        std::fs::write(directory.path().join("jwks.json"), key.jwks().to_string()).unwrap();

        let modelgate = modelgate.replace("UPSTREAM", &address.to_string());
        let models = r#"["anthropic-claude", "team/*"]"#;
        let config = config(&directory, address, [jwtauth, &modelgate, models], variables);
        let gateway = Arc::new(Gateway::new(generation(config, &DropIns::default())).unwrap());
        Self::serve(gateway, upstream, key, directory).await
    }

    pub(crate) async fn serve(
        gateway: Arc<Gateway>,
        upstream: TcpListener,
        key: Key,
        directory: tempfile::TempDir,
    ) -> Self {
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), Arc::clone(&gateway)).await.unwrap();
        let address = server.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { address, upstream, gateway, stop, served, key, directory }
    }

    /// The same configuration with other models for the role.
    pub(crate) fn generation(&self, models: &str) -> Generation {
        let upstream = self.upstream.local_addr().unwrap();
        generation(config(&self.directory, upstream, ["", "", models], &[]), &DropIns::default())
    }

    /// The configuration with this block `modelgate`, and these models for the role.
    pub(crate) fn generation_as(&self, modelgate: &str, models: &str) -> Generation {
        let upstream = self.upstream.local_addr().unwrap();
        let modelgate = modelgate.replace("UPSTREAM", &upstream.to_string());
        generation(config(&self.directory, upstream, ["", &modelgate, models], &[]), &DropIns::default())
    }

    /// The same configuration, but the role's model has another name at the upstream.
    pub(crate) fn generation_moved(&self, name: &str) -> Generation {
        self.generation_at(&format!("openai/{name}"))
    }

    /// The same configuration, in which the model of the role is this one of a provider.
    pub(crate) fn generation_at(&self, model: &str) -> Generation {
        let models = r#"["anthropic-claude", "team/*"]"#;
        let upstream = self.upstream.local_addr().unwrap();
        let yaml = yaml(upstream, ["", "", models]).replace("openai/claude \"3\"", model);
        generation(parsed(&self.directory, &yaml, &[]), &DropIns::default())
    }

    /// The same configuration with other environment variables.
    pub(crate) fn generation_with(&self, variables: &[(&str, &str)]) -> Generation {
        let models = r#"["anthropic-claude", "team/*"]"#;
        let config =
            config(&self.directory, self.upstream.local_addr().unwrap(), ["", "", models], variables);
        generation(config, &DropIns::default())
    }

    /// This configuration, with the keys of the fixture.
    pub(crate) fn generation_of(&self, yaml: &str) -> Generation {
        generation(parsed(&self.directory, yaml, &[]), &DropIns::default())
    }

    /// Adds a policy file, with this block `modelgate`.
    pub(crate) fn drop_in(&self, modelgate: &str, policy: &str) {
        let (config, dropins) = self.dropping(modelgate, policy);
        self.gateway.activate(generation(config, &dropins));
    }

    /// Rules with an additional policy, which are not active yet.
    pub(crate) fn with_policy(&self, modelgate: &str, policy: &str) -> Snapshot {
        let (config, dropins) = self.dropping(modelgate, policy);
        Snapshot::with_policies(config, &dropins).unwrap()
    }

    fn dropping(&self, modelgate: &str, policy: &str) -> (Config, DropIns) {
        let policies = self.directory.path().join("policies");
        std::fs::create_dir_all(&policies).unwrap();
        std::fs::write(policies.join("dropped.cedar"), policy).unwrap();
        let models = r#"["anthropic-claude", "team/*"]"#;
        let upstream = self.upstream.local_addr().unwrap();
        let config = config(&self.directory, upstream, ["", modelgate, models], &[]);
        (config, DropIns::load(&policies).unwrap())
    }

    pub(crate) fn token(&self, roles: &[&str]) -> String {
        self.token_of(&json!({"sub": "u", "roles": roles, "exp": in_a_while()}))
    }

    pub(crate) fn token_of(&self, claims: &Value) -> String {
        self.key.token(claims)
    }

    /// Sends a chat request for a model, and returns the connection for the response.
    pub(crate) async fn chat(&self, token: &str, body: &str) -> TcpStream {
        self.send("POST", "/v1/chat/completions", &format!("authorization: Bearer {token}\r\n"), body).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        send(self.address, method, path, headers, body).await
    }

    /// Sends a request that must not reach the upstream. Returns the status line, headers and body.
    pub(crate) async fn refused(&self, method: &str, path: &str, headers: &str, body: &str) -> Message {
        soon(read_message(&mut self.send(method, path, headers, body).await)).await
    }

    /// The next request at the upstream.
    pub(crate) async fn arriving(&self) -> (TcpStream, Message) {
        let (mut stream, _) = soon(self.upstream.accept()).await.unwrap();
        let message = soon(read_message(&mut stream)).await;
        (stream, message)
    }
}

pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> TcpStream {
    let mut stream = soon(TcpStream::connect(address)).await.unwrap();
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    soon(stream.write_all(text.as_bytes())).await.unwrap();
    stream
}

pub(crate) fn generation(config: Config, dropins: &DropIns) -> Generation {
    let verifier = TokenVerifier::new(&config.jwt.as_ref().unwrap().tokens).unwrap();
    Generation::new(Snapshot::with_policies(config, dropins).unwrap(), Some(verifier))
}

fn config(
    directory: &tempfile::TempDir,
    upstream: SocketAddr,
    [jwtauth, modelgate, models]: [&str; 3],
    variables: &[(&str, &str)],
) -> Config {
    parsed(directory, &yaml(upstream, [jwtauth, modelgate, models]), variables)
}

fn parsed(directory: &tempfile::TempDir, yaml: &str, variables: &[(&str, &str)]) -> Config {
    let keys = url::Url::from_file_path(directory.path().join("jwks.json")).unwrap();
    let environment = |name: &str| match variables.iter().find(|(known, _)| *known == name) {
        Some((_, value)) => Some((*value).to_owned()),
        None => (name == "JWT_PUBLIC_KEY_URL").then(|| keys.to_string()),
    };
    Config::parse("config.yaml", yaml, directory.path(), &environment).unwrap()
}

/// The documented example, with both models at one upstream.
pub(crate) fn yaml(upstream: SocketAddr, [jwtauth, modelgate, models]: [&str; 3]) -> String {
    format!(
        r#"
general_settings:
  master_key: {MASTER_KEY}
  enable_jwt_auth: True
  litellm_jwtauth: {{user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true, {jwtauth}}}
  role_permissions:
    - role: internal_user
      models: {models}
model_list:
  - model_name: anthropic-claude
    litellm_params: {{model: openai/claude "3", api_base: "http://{upstream}/v1", api_key: sk-upstream}}
  - model_name: openai-gpt-4o
    litellm_params: {{model: openai/gpt-4o, api_base: "http://{upstream}/v1"}}
modelgate: {{{modelgate}}}
"#
    )
}

/// One HTTP/1.1 message.
#[derive(Debug)]
pub(crate) struct Message {
    /// The first line and the headers. Names are lower case, as they were sent.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Message {
    pub(crate) fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body.pointer("/error/code").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// Reads a message with a length or without a body.
pub(crate) async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> Message {
    let head = read_until(stream, "\r\n\r\n").await;
    let message = Message { head, body: String::new() };
    let length = message.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    Message { body: String::from_utf8(body).unwrap(), ..message }
}

/// Reads up to and including `end`.
pub(crate) async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        text.push(stream.read_u8().await.expect("the connection ends early"));
    }
    String::from_utf8(text).unwrap()
}

pub(crate) async fn answer(stream: &mut TcpStream, body: &str) {
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nset-cookie: a=b\r\nx-kept: 1\r\n\r\n{body}",
        body.len()
    );
    soon(stream.write_all(text.as_bytes())).await.unwrap();
}
