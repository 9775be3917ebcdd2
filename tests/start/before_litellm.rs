//! `examples/before-litellm/`: the requests that reach the LiteLLM proxy, and those that do not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::{self, Receiver};

use serde_json::json;

use crate::key::{Key, in_a_while};
use crate::{Running, modelgate, root};

const ISSUER: &str = "https://sso.example.com/realms/company";
const AUDIENCE: &str = "llm-gateway";

/// A stand-in for the LiteLLM proxy. It forwards each received head to the test, and always sends the same response.
fn litellm() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, got) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let heads = heads.clone();
            std::thread::spawn(move || answer(stream.unwrap(), &heads));
        }
    });
    (address, got)
}

fn answer(mut stream: TcpStream, heads: &mpsc::Sender<String>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    while lines.read_line(&mut head).is_ok_and(|read| read > 2) {}
    for line in head.lines() {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).unwrap();
    // The receiver is gone when the test has ended.
    let _ = heads.send(head);
    let text = r#"{"choices": []}"#;
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
}

struct Gate {
    _process: Running,
    _directory: tempfile::TempDir,
    address: String,
    key: Key,
}

impl Gate {
    /// The example without changes, except the address of the proxy.
    fn start(litellm: SocketAddr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let example = root().join("examples/before-litellm");
        let yaml = std::fs::read_to_string(example.join("modelgate.yaml")).unwrap();
        let changed = yaml.replace("http://127.0.0.1:4000", &format!("http://{litellm}"));
        assert_ne!(yaml, changed);
        std::fs::write(directory.path().join("modelgate.yaml"), changed).unwrap();
        std::fs::create_dir(directory.path().join("tests")).unwrap();
        std::fs::copy(example.join("tests/cases.yaml"), directory.path().join("tests/cases.yaml")).unwrap();
        let key = Key::new();
        let keys = directory.path().join("jwks.json");
        std::fs::write(&keys, key.jwks().to_string()).unwrap();
        let args =
            ["serve", "--config", "modelgate.yaml", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let mut command = modelgate(directory.path(), &args);
        command.env("LITELLM_KEY", "sk-litellm").env("JWT_ISSUER", ISSUER).env("JWT_AUDIENCE", AUDIENCE);
        command.env("JWT_PUBLIC_KEY_URL", format!("file://{}", keys.display()));
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut process = Running(child);
        let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find_map(|line| Some(line.split_once("listening on http://")?.1.to_owned()));
        // Reads its later output to the end, so that it never blocks on writing.
        std::thread::spawn(move || lines.for_each(drop));
        Self { _process: process, _directory: directory, address: address.expect("it listens"), key }
    }

    /// A token as Keycloak issues it, with these realm roles.
    fn token(&self, roles: &[&str]) -> String {
        self.key.token(&json!({"iss": ISSUER, "aud": [AUDIENCE, "account"], "sub": "ada", "typ": "Bearer",
            "azp": "chat", "exp": in_a_while(), "realm_access": {"roles": roles},
            "scope": "openid email profile"}))
    }

    fn chat(&self, roles: &[&str], model: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (token, body) = (self.token(roles), json!({"model": model, "messages": []}).to_string());
        write!(
            stream,
            "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nconnection: close\r\nauthorization: Bearer \
             {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap().to_owned()
    }
}

#[test]
fn what_a_role_may_use_reaches_litellm_with_its_key_and_without_the_callers_token() {
    let (litellm, heads) = litellm();
    let gate = Gate::start(litellm);
    for (roles, model) in [
        (&["llm-basic", "offline_access"][..], "gpt-4o-mini"),
        (&["llm-research"], "gpt-4o-mini"),
        (&["llm-basic", "llm-research"], "claude-sonnet"),
    ] {
        assert_eq!(gate.chat(roles, model), "HTTP/1.1 200 OK", "{roles:?} {model}");
        let head = heads.recv().unwrap();
        assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{head}");
        assert!(head.contains("Bearer sk-litellm") && !head.contains("eyJ"), "{head}");
    }
}

#[test]
fn what_a_role_may_not_use_does_not_reach_litellm() {
    let (litellm, heads) = litellm();
    let gate = Gate::start(litellm);
    for (roles, model) in [
        (&["llm-basic"][..], "claude-sonnet"),
        (&["offline_access", "uma_authorization"], "gpt-4o-mini"),
        (&[], "gpt-4o-mini"),
        (&["llm-research"], "gpt-4o"),
    ] {
        assert_eq!(gate.chat(roles, model), "HTTP/1.1 403 Forbidden", "{roles:?} {model}");
    }
    assert!(heads.try_recv().is_err());
}
