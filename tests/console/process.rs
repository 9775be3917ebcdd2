//! Starts the gateway as a process, and sends requests to it and to its admin listener over plain sockets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::key::{Key, in_a_while};

/// Longer than any step takes, so that a hang fails the test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const TOKEN: &str = "0perator";

/// A gateway as a process of its own, killed by its process id.
pub(crate) struct Gate {
    child: Child,
    log: Arc<Mutex<String>>,
    pub(crate) gateway: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) key: Key,
}

/// A response: its head and its body.
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// The role may use one of two models, which a server answers that knows nothing.
pub(crate) const RULES: &str = "general_settings:
  master_key: sk-the-master
  enable_jwt_auth: true
  litellm_jwtauth:
    user_roles_jwt_field: roles
    user_allowed_roles: [basic_user]
    enforce_rbac: true
  role_permissions:
    - role: internal_user
      models: [claude]
model_list:
  - model_name: claude
    litellm_params: {model: openai/claude, api_base: 'http://UPSTREAM/v1', api_key: sk-upstream-literal}
  - model_name: gpt
    litellm_params: {model: openai/gpt, api_base: 'http://UPSTREAM/v1', api_key: os.environ/GPT_KEY}
";

impl Gate {
    /// A gateway on [`RULES`], with this block `modelgate`.
    pub(crate) fn start(modelgate: &str) -> Self {
        Self::with(&format!("{RULES}modelgate: {{policies: policies, {modelgate}}}\n"), &[])
    }

    pub(crate) fn with(config: &str, policies: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let key = Key::new();
        std::fs::create_dir(path("policies")).unwrap();
        for (name, text) in policies {
            std::fs::write(path("policies").join(name), text).unwrap();
        }
        std::fs::write(path("jwks.json"), key.jwks().to_string()).unwrap();
        let upstream = upstream();
        std::fs::write(path("config.yaml"), config.replace("UPSTREAM", &upstream.to_string())).unwrap();
        let keys = url::Url::from_file_path(path("jwks.json")).unwrap().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--config"]);
        command
            .arg(path("config.yaml"))
            .env("JWT_PUBLIC_KEY_URL", keys)
            .env("GPT_KEY", "sk-from-the-environment");
        command.env("RUST_LOG", "trace");
        for name in ["JWT_AUDIENCE", "JWT_ISSUER", "LITELLM_MASTER_KEY"] {
            command.env_remove(name);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let said = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
                said.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut gate = Self { child, log, gateway: nowhere, admin: nowhere, directory, key };
        gate.admin = gate.address("the admin listener is on http://");
        gate.gateway = gate.address(": listening on http://");
        gate
    }

    fn address(&self, before: &str) -> SocketAddr {
        let found = until(|| {
            let log = self.log();
            let rest = log.split_once(before)?.1;
            rest.contains('\n').then(|| rest.split(['\n', '\u{1b}', ' ']).next().unwrap().to_owned())
        });
        found.parse().unwrap()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Asks the process to end.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for the end of the process. Returns whether it ended by itself.
    pub(crate) fn ended(&mut self) -> bool {
        until(|| self.child.try_wait().unwrap()).success()
    }

    /// Sends a request to the admin listener.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        ask(self.admin, method, path, headers, body)
    }

    /// Sends JSON to the admin listener, and reads JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.ask("POST", path, "content-type: application/json\r\n", &body.to_string());
        (answer.status(), answer.json())
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, "", "");
        assert_eq!(answer.status(), 200, "{path}: {}", answer.head);
        answer.json()
    }

    /// Sends a chat request of a caller with these roles. Returns the status and the request id.
    pub(crate) fn chat(&self, roles: &[&str], model: &str) -> (u16, String) {
        let token = self.token(roles);
        let headers = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
        let body = json!({"model": model, "messages": []}).to_string();
        let answer = ask(self.gateway, "POST", "/v1/chat/completions", &headers, &body);
        let id = answer.header("x-request-id").unwrap().to_owned();
        (answer.status(), id)
    }

    pub(crate) fn token(&self, roles: &[&str]) -> String {
        self.key.token(&json!({"sub": "ada", "roles": roles, "exp": in_a_while()}))
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.head);
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = open(address, method, path, headers, body);
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    Answer { head, body: bytes[end + 4..].to_vec() }
}

/// Sends a request, and returns the connection for the response.
pub(crate) fn open(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    stream
}

/// Waits for something.
pub(crate) fn until<T>(mut step: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = step() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never happened");
        std::thread::yield_now();
    }
}

/// Answers every request with an empty object.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                        length = value.trim().parse().unwrap();
                    }
                    if line == "\r\n" {
                        let mut body = vec![0; length];
                        let _ = reader.read_exact(&mut body);
                        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                        let _ = stream.write_all(answer.as_bytes());
                        length = 0;
                    }
                    line.clear();
                }
            });
        }
    });
    address
}
