//! The servers around the gateway, and a configuration with every kind of secret.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::search::Secrets;
use crate::key::in_a_while;
use crate::process::{Said, Upstream, answer, head, header, nobody};

/// An upstream whose behavior is chosen by the body of the request.
pub(super) fn upstream() -> SocketAddr {
    let mut silent = Vec::new();
    Upstream::start().serve(move |mut stream| {
        let request = answer(&mut stream);
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let says: &[u8] = match body["say"].as_str().unwrap_or_default() {
            "garbage" => b"SSH-2.0-OpenSSH\r\n",
            "reset" => b"",
            "half" => b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello",
            "error" => b"HTTP/1.1 500 X\r\nconnection: close\r\ncontent-length: 4\r\n\r\noops",
            "nothing" => return silent.push(stream),
            _ => b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
        };
        stream.write_all(says).unwrap();
    })
}

/// Responds to requests about tokens: one token is active, another one causes a failure, and all others are inactive.
pub(super) fn provider(known: &str, failing: &str) -> SocketAddr {
    let (known, failing) = (known.to_owned(), failing.to_owned());
    Upstream::start().serve(move |mut stream| {
        let request = answer(&mut stream);
        let (status, body) = if request.body.contains(&failing) {
            ("500 X", json!({}))
        } else if request.body.contains(&known) {
            ("200 OK", json!({"active": true, "sub": "u", "roles": ["basic_user"], "exp": in_a_while()}))
        } else {
            ("200 OK", json!({"active": false}))
        };
        let (body, kind) = (body.to_string(), "content-type: application/json\r\nconnection: close");
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(text.as_bytes()).unwrap();
    })
}

/// Receives traces. Keeps their content without the request heads, which contain our credential.
pub(super) fn collector(said: Said) -> SocketAddr {
    Upstream::start().serve(move |mut stream| {
        let length = header(&head(&mut stream).to_lowercase(), "content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        said.add(&String::from_utf8_lossy(&body));
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
    })
}

/// A configuration with every kind of secret, one on each line.
pub(super) fn config(
    secrets: &Secrets,
    upstream: SocketAddr,
    provider: SocketAddr,
    directory: &Path,
) -> String {
    let [master, deployment, extra, proxy, client] =
        ["master key", "deployment key", "extra header", "upstream key", "client secret"]
            .map(|s| secrets.get(s));
    let (gone, log) = (nobody(), directory.join("log"));
    format!(
        "general_settings:
  master_key: {master}
  enable_jwt_auth: true
  litellm_jwtauth: {{user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}}
  role_permissions:
    - role: internal_user
      models: [gpt, gone]
model_list:
  - model_name: gpt
    litellm_params:
      model: openai/gpt
      api_base: 'http://{upstream}/v1'
      api_key: {deployment}
      extra_headers: {{x-extra: {extra}}}
      timeout: 1
  - model_name: gone
    litellm_params: {{model: openai/gone, api_base: 'http://{gone}/v1', api_key: {deployment}}}
modelgate:
  max_body_bytes: 4096
  upstream:
    api_base: 'http://{upstream}'
    api_key: {proxy}
  introspection:
    endpoint: 'http://{provider}/introspect'
    client_id: gate
    client_secret: {client}
  decision_log: {{file: '{}'}}
",
        log.display()
    )
}

/// Every possible mistake in the text of a secret's line, and a part of the expected error.
pub(super) fn broken(yaml: &str, secrets: &Secrets) -> Vec<String> {
    let mut texts = Vec::new();
    for name in ["master key", "deployment key", "upstream key", "client secret"] {
        let secret = secrets.get(name);
        let line = yaml.lines().find(|line| line.contains(secret)).unwrap();
        let (key, indent) = (line.trim().split(':').next().unwrap(), line.len() - line.trim_start().len());
        let pad = " ".repeat(indent);
        for instead in [
            format!("{pad}{key} {secret}"),
            format!("{pad}{key}:{secret}"),
            format!("{pad}{key}={secret}"),
            format!("{pad}{key}: *{secret}"),
            format!("{pad}{key}: !{secret}"),
            format!("{pad}{key}: %{secret}"),
            format!("{pad}{key}: @{secret}"),
            format!("{pad}{key}: `{secret}"),
            format!("{pad}{key}: [{secret}"),
            format!("{pad}{key}: [{secret}]"),
            format!("{pad}{key}: {{{secret}: 1}}"),
            format!("{pad}{key}: \"{secret}"),
            format!("{pad}{key}: '{secret}"),
            format!("{pad}{key}: \"\\q{secret}\""),
            format!("{pad}{key}: a: {secret}"),
            format!("{pad}{key}:\n{pad}- {secret}"),
            format!("{pad}{key}:\n{pad}  {secret}: {secret}"),
            format!("{pad}{key}: {secret}\n{pad}{key}: {secret}"),
            format!("{pad}{key}: {secret}\n\t{pad}x: y"),
            format!("{pad}{key}: {secret}\n{pad}zebra: [{secret}"),
            format!("{pad}{key}: {secret}\n }}{secret}"),
        ] {
            texts.push(yaml.replacen(line, &instead, 1));
        }
    }
    texts
}
