//! From YAML to a decision, with the library alone: `cargo run --example library --no-default-features`.

use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::Snapshot;
use modelgate::request::{RequestParts, classify};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load("examples/azure-ad.yaml".as_ref(), &|_| None)?;
    let snapshot = Snapshot::build(config)?;

    // The program must verify the token before this call. The gateway does that itself.
    let claims = serde_json::from_str(r#"{"sub": "ada", "roles": ["basic_user"]}"#)?;
    let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims));

    for model in ["anthropic-claude", "openai-gpt-4o"] {
        let call = classify(&RequestParts {
            method: &Method::POST,
            path: "/v1/chat/completions",
            query: None,
            headers: &HeaderMap::new(),
            body: format!(r#"{{"model": "{model}"}}"#).as_bytes(),
        })?;
        match snapshot.authorize(&caller, call) {
            Ok(permit) => println!("{model}: allowed by {:?}", permit.decision().policies),
            Err(denied) => println!("{model}: denied by {}: {denied}", denied.rule),
        }
    }
    Ok(())
}
