//! Decisions inside a program, without a network and without a runtime:
//! `cargo run --example embedded --no-default-features --features reload`.

use http::Method;
use modelgate::offline::{Question, headers};
use modelgate::reload::Rules;
use modelgate::request::RequestContext;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = std::env::args().nth(1).unwrap_or_else(|| "examples/azure-ad.yaml".to_owned());

    // A thread follows the file until the last clone of the handle is dropped.
    let rules = Rules::watch(config.as_str())?;

    for model in ["anthropic-claude", "openai-gpt-4o"] {
        let answer = rules.decide(&Question {
            // The program must verify the token before this.
            claims: serde_json::from_str(r#"{"sub": "ada", "roles": ["basic_user"]}"#)?,
            method: Method::POST,
            path: "/v1/chat/completions".to_owned(),
            headers: headers([("content-type", "application/json")])?,
            body: format!(r#"{{"model": "{model}"}}"#).into_bytes(),
            request_context: RequestContext::now(),
        });
        match answer.reason {
            None => println!("{model}: allowed by {:?}", answer.policies()),
            Some(reason) => println!("{model}: {} {reason}", answer.status),
        }
    }
    Ok(())
}
