//! The Rust examples run.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::key::{Key, in_a_while};
use crate::{Running, VARIABLES, root};

/// Builds an example if it is not there, as `cargo run` does for its reader.
fn example(name: &str) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args(["run", "--quiet", "--locked", "--example", name, "--"]);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command
}

#[test]
fn the_embedded_example_decides() {
    let output = example("embedded").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let [claude, gpt] = lines[..] else { panic!("{text} {}", String::from_utf8_lossy(&output.stderr)) };
    assert!(claude.starts_with("anthropic-claude: allowed by "), "{claude}");
    assert!(gpt.starts_with("openai-gpt-4o: 403 "), "{gpt}");
}

#[test]
fn the_axum_example_answers_by_the_rules() {
    let directory = tempfile::tempdir().unwrap();
    let key = Key::new();
    let keys = directory.path().join("jwks.json");
    std::fs::write(&keys, key.jwks().to_string()).unwrap();
    let keys = url::Url::from_file_path(keys).unwrap();
    // `cargo run` replaces itself by the program, so the end of the child is the end of the program.
    let mut command = example("axum");
    command.args(["examples/azure-ad.yaml", "127.0.0.1:0"]).env("JWT_PUBLIC_KEY_URL", keys.as_str());
    let mut serving = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(serving.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap();

    let token = key.token(&json!({"sub": "ada", "roles": ["basic_user"], "exp": in_a_while()}));
    let ask = |method: &str, path: &str, token: &str, body: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let chat = |model: &str, token: &str| {
        ask("POST", "/v1/chat/completions", token, &format!(r#"{{"model": "{model}"}}"#))
    };
    let allowed = chat("anthropic-claude", &token);
    assert!(
        allowed.starts_with("HTTP/1.1 200 ") && allowed.ends_with("anthropic-claude got 29 bytes"),
        "{allowed}"
    );
    let denied = chat("openai-gpt-4o", &token);
    assert!(denied.starts_with("HTTP/1.1 403 ") && denied.contains("model_not_allowed"), "{denied}");
    assert!(chat("anthropic-claude", "none").starts_with("HTTP/1.1 401 "));
    let list = ask("GET", "/v1/models", &token, "");
    assert!(list.contains("anthropic-claude") && !list.contains("openai-gpt-4o"), "{list}");
}
