//! `modelgate explain`: explains why a request is allowed or denied.
//!
//! The input is a configuration, a token or claims, and a request. The output is a report in text or JSON:
//! the caller, the decision, and each evaluated policy. `ask` is also for the admin API.

mod ask;
mod caller;
mod nearest;
mod presented;
mod report;
mod text;
mod words;

use std::io::Read as _;
use std::net::IpAddr;
use std::time::SystemTime;

use clap::Args;
use http::{HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::{ConfigArgs, Exit, FileArgs, Format};
use crate::engine::Snapshot;
use crate::gateway::TokenVerifier;
use crate::request::{RequestContext, TEAM_HEADER};

pub(in crate::cli) use ask::{ExplainError, Request, claims, recorded, replayed, token};
pub(in crate::cli) use report::Report;

/// The arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  modelgate explain config.yaml --claims '{\"roles\": [\"dev\"]}' --model gpt-4o
  modelgate explain config.yaml --claims claims.json --model gpt-4o --time 2026-11-28T03:00:00Z --source 10.0.0.1
  modelgate explain config.yaml --token - --path /v1/models --format json < token

Exit codes: 0 the request is allowed, 2 it is denied or the token is refused, 3 the input is invalid.")]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    config: FileArgs,
    #[command(flatten)]
    who: Who,
    /// The method [default: POST with --model, else GET]
    #[arg(long, value_name = "M")]
    method: Option<Method>,
    /// The path, with the query if there is one [default: /v1/chat/completions with --model]
    #[arg(long, value_name = "P", required_unless_present = "model")]
    path: Option<String>,
    /// The model that the JSON body asks for
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// The value of the header `x-litellm-team-id`
    #[arg(long, value_name = "ID")]
    team: Option<String>,
    /// The caller's address [default: unknown]
    #[arg(long, value_name = "IP")]
    source: Option<IpAddr>,
    /// The time of the request, in RFC 3339 [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = super::decide::instant)]
    time: Option<SystemTime>,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Who {
    /// A token, verified with the keys that the configuration names; `-` reads it from standard input
    #[arg(long, value_name = "JWT")]
    token: Option<SecretString>,
    /// Claims that are not verified: a JSON object, or a file with one; `-` reads standard input
    #[arg(long, value_name = "JSON|FILE")]
    claims: Option<String>,
}

/// The default path of a request with a model.
pub(in crate::cli) const CHAT: &str = "/v1/chat/completions";

pub(super) fn run(args: &ExplainArgs) -> miette::Result<Exit> {
    let snapshot = ConfigArgs::from(args.config.clone()).snapshot()?;
    let report = match &args.who.claims {
        Some(given) => claims(&snapshot, given_claims(given)?, &request(args)?),
        None => explain_token(&snapshot, args)?,
    };
    match args.format {
        Format::Text => super::say(text::render(&report)),
        Format::Json => super::say_json(&report.to_json()),
    }
    Ok(if report.allowed() { Exit::Yes } else { Exit::Denied })
}

/// The claims from the command line: a JSON object, or a file with one.
fn given_claims(given: &str) -> miette::Result<Map<String, Value>> {
    let is_object = given.trim_start().starts_with('{');
    let (name, text) = match given {
        "-" => ("standard input", standard_input()?),
        object if is_object => ("--claims", object.to_owned()),
        file => {
            let read = std::fs::read_to_string(file);
            (file, read.map_err(|error| super::failed(format!("`{file}`: {error}")))?)
        }
    };
    serde_json::from_str(&text).map_err(|error| {
        super::failed_with_help(
            format!("`{name}` is not a JSON object of claims: {error}"),
            "claims are the payload of a token, such as `{\"sub\": \"ada\", \"roles\": [\"dev\"]}`",
        )
    })
}

fn explain_token(snapshot: &Snapshot, args: &ExplainArgs) -> miette::Result<Report> {
    let given = args.who.token.clone().unwrap_or_default();
    let given = if given.expose_secret() == "-" { standard_input()?.into() } else { given };
    let jwt = snapshot.config().jwt.as_ref();
    let verifier = jwt.map(|jwt| TokenVerifier::new(&jwt.tokens)).transpose().map_err(super::failed)?;
    let request = request(args)?;
    let explained = token(snapshot, verifier.as_ref(), given.expose_secret(), &request);
    super::runtime()?.block_on(explained).map_err(|error| match error {
        ExplainError::NoTokens => super::failed_with_help(error, "set `enable_jwt_auth: true`"),
        ExplainError::KeysUnavailable => super::failed_with_help(
            error,
            "see JWT_PUBLIC_KEY_URL and `litellm_jwtauth.issuers`; `--claims` explains without a token",
        ),
        error => super::failed(error),
    })
}

fn standard_input() -> miette::Result<String> {
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text).map_err(super::failed)?;
    Ok(text)
}

fn request(args: &ExplainArgs) -> miette::Result<Request> {
    let mut headers = HeaderMap::new();
    if let Some(team) = &args.team {
        let value =
            HeaderValue::from_str(team).map_err(|_| super::failed("`--team` cannot be sent as a header"))?;
        headers.insert(TEAM_HEADER, value);
    }
    let method = args.method.clone().unwrap_or(if args.model.is_some() { Method::POST } else { Method::GET });
    let body = args.model.as_ref().map(|model| json!({"model": model}).to_string()).unwrap_or_default();
    let time = args.time.or(RequestContext::now().time);
    Ok(Request {
        method,
        path: args.path.clone().unwrap_or_else(|| CHAT.to_owned()),
        headers,
        body: body.into_bytes(),
        context: RequestContext { source: args.source, time },
    })
}
