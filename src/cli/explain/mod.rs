//! `modelgate explain`: why a request is allowed or denied.

mod caller;
mod report;
mod text;
mod words;

use std::io::Read as _;
use std::net::IpAddr;

use clap::Args;
use http::{HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::{ConfigArgs, Exit, Format};
use crate::authn::{Bearer, VerifiedClaims};
use crate::engine::Snapshot;
use crate::gateway::TokenVerifier;
use crate::gateway::keys::AuthnError;
use crate::identity::Caller;
use crate::request::{Circumstances, RequestParts, TEAM_HEADER, classify};

use report::Report;

/// Whose request to explain, and which.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  modelgate explain --config config.yaml --claims claims.json --path /v1/chat/completions --model gpt-4o
  modelgate explain --config config.yaml --token - --path /v1/models --format json < token

Exit codes: 0 the request is allowed, 2 it is denied or the token is refused, 3 the input is invalid.")]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    who: Who,
    /// The method [default: POST with --model, else GET]
    #[arg(long, value_name = "M")]
    method: Option<Method>,
    /// The path, with its query if there is one
    #[arg(long, value_name = "P")]
    path: String,
    /// The model that the JSON body asks for
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// The value of the header `x-litellm-team-id`
    #[arg(long, value_name = "ID")]
    team: Option<String>,
    /// The address that the caller has [default: unknown]
    #[arg(long, value_name = "IP")]
    source: Option<IpAddr>,
    /// How to print the explanation
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Who {
    /// A token, verified with the keys that the configuration names; `-` reads it from standard input
    #[arg(long, value_name = "JWT")]
    token: Option<SecretString>,
    /// A JSON file of claims, taken as they are; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    claims: Option<String>,
}

pub(super) fn run(args: &ExplainArgs) -> miette::Result<Exit> {
    let snapshot = args.config.snapshot()?;
    let report = match claims(&snapshot, &args.who)? {
        Ok(claims) => explain(&snapshot, args, &claims)?,
        Err(refused) => Report::refused_token(&refused),
    };
    match args.format {
        Format::Text => super::say(text::render(&report)),
        Format::Json => super::say(format_args!("{:#}\n", report.to_json())),
    }
    Ok(if report.allowed() { Exit::Yes } else { Exit::Denied })
}

/// The claims, or why the token is refused.
fn claims(snapshot: &Snapshot, who: &Who) -> miette::Result<Result<VerifiedClaims, AuthnError>> {
    if let Some(file) = &who.claims {
        let text = if file == "-" {
            standard_input()?
        } else {
            std::fs::read_to_string(file).map_err(|error| super::failed(format!("`{file}`: {error}")))?
        };
        let claims: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|error| super::failed(format!("`{file}` is not a JSON object of claims: {error}")))?;
        return Ok(Ok(VerifiedClaims::dangerous_trust(claims)));
    }
    let given = who.token.clone().unwrap_or_default();
    let token = if given.expose_secret() == "-" { standard_input()?.into() } else { given };
    let bearer = Bearer::new(token.expose_secret().trim()).map_err(super::failed)?;
    let Some(jwt) = &snapshot.config().jwt else {
        return Err(super::failed("no token is accepted: `general_settings.enable_jwt_auth` is not true"));
    };
    let verifier = TokenVerifier::new(&jwt.tokens).map_err(super::failed)?;
    let verified = super::serve::runtime()?.block_on(verifier.verify(&bearer, &jwt.tokens));
    match verified {
        Err(AuthnError::KeysUnavailable) => Err(super::failed(
            "the identity provider's keys cannot be fetched, see JWT_PUBLIC_KEY_URL and `litellm_jwtauth.issuers`",
        )),
        Err(error @ AuthnError::ProviderUnavailable) => Err(super::failed(error)),
        verified => Ok(verified),
    }
}

fn standard_input() -> miette::Result<String> {
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text).map_err(super::failed)?;
    Ok(text)
}

fn explain(snapshot: &Snapshot, args: &ExplainArgs, claims: &VerifiedClaims) -> miette::Result<Report> {
    let caller: Caller = snapshot.identify(claims);
    let who = caller::Who::new(snapshot, &caller, claims);
    let method = args.method.clone().unwrap_or(if args.model.is_some() { Method::POST } else { Method::GET });
    let mut headers = HeaderMap::new();
    if let Some(team) = &args.team {
        let value =
            HeaderValue::from_str(team).map_err(|_| super::failed("`--team` can't be sent as a header"))?;
        headers.insert(TEAM_HEADER, value);
    }
    let body = args.model.as_ref().map(|model| json!({"model": model}).to_string()).unwrap_or_default();
    let (path, query) = args.path.split_once('?').map_or((args.path.as_str(), None), |(p, q)| (p, Some(q)));
    let parts = RequestParts { method: &method, path, query, headers: &headers, body: body.as_bytes() };
    Ok(match classify(&parts) {
        Ok(call) => {
            let call = call.with_circumstances(Circumstances { source: args.source, ..Circumstances::now() });
            Report::decided(snapshot.config(), &call, who, snapshot.explain(&caller, &call))
        }
        Err(malformed) => Report::malformed(who, &malformed),
    })
}
