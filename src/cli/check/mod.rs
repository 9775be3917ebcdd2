//! `modelgate check`: what a configuration says.

mod json;
mod models;

use clap::Args;

use super::{ConfigArgs, Exit, Format};
use crate::config::{Config, Effect, Issuer, OpaqueTokens, place};
use crate::engine::Snapshot;

/// What to check, and how to say what was found.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &CheckArgs) -> miette::Result<Exit> {
    if let Format::Json = args.format {
        return json::run(&args.config);
    }
    let loaded = args.config.load()?;
    let warnings = loaded.snapshot.config().warnings.len();
    super::say(summary(&loaded.snapshot));
    if let Some(directory) = &loaded.policies {
        super::say(format_args!("dropped-in policies: {} in {}\n", loaded.policy_count, directory.display()));
    }
    let told = if warnings == 0 { "no warnings".to_owned() } else { format!("{warnings} warning(s), above") };
    super::say(format_args!("the configuration is valid: {told}\n"));
    Ok(Exit::Yes)
}

fn summary(snapshot: &Snapshot) -> String {
    let config = snapshot.config();
    let mut lines = vec![
        format!("models: {}", config.models.len()),
        format!("teams: {}", config.teams.len()),
        format!("master key: {}", if config.master_key.is_some() { "set" } else { "none" }),
    ];
    lines.extend(tokens(config));
    for entry in config.role_permissions.iter().flatten() {
        let count = |list: Option<usize>, what: &str| {
            list.map_or(format!("any {what}"), |n| format!("{n} {what}(s)"))
        };
        let models = count(entry.models.as_ref().map(Vec::len), "model");
        let routes = count(entry.routes.as_ref().map(Vec::len), "listed route");
        lines.push(format!("role {}: {models}, {routes}", entry.role));
    }
    lines.extend(models::lines(config));
    lines.extend(ignored(config));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What LiteLLM would do by the file, and modelgate does not.
fn ignored(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let of = |effect: Effect| config.ignored.iter().filter(move |ignored| ignored.effect == effect);
    for ignored in of(Effect::ChangesAnswers) {
        lines.push(format!(
            "ignored (changes answers): {}, line {}: {}",
            ignored.key, ignored.line, ignored.reason
        ));
    }
    let harmless: Vec<_> = of(Effect::Harmless).map(|ignored| ignored.key.as_str()).collect();
    if !harmless.is_empty() {
        lines.push(format!("ignored (harmless): {}", harmless.join(", ")));
    }
    lines
}

fn tokens(config: &Config) -> Vec<String> {
    let Some(jwt) = &config.jwt else {
        return vec!["tokens: not accepted, `enable_jwt_auth` is not true".to_owned()];
    };
    let or_any = |text: &Option<String>| text.clone().unwrap_or_else(|| "any".to_owned());
    let sources: Vec<_> = jwt.tokens.key_urls.iter().map(|url| place(url).to_string()).collect();
    let sources = if sources.is_empty() {
        "none: set JWT_PUBLIC_KEY_URL to serve".to_owned()
    } else {
        sources.join(", ")
    };
    let rbac = if jwt.enforce_rbac { "enforced" } else { "not enforced: every token may use every model" };
    let mut lines = vec![
        format!("tokens: audience {}, issuer {}", or_any(&jwt.tokens.audience), or_any(&jwt.tokens.issuer)),
        format!("keys: {sources}"),
    ];
    if !jwt.tokens.issuers.is_empty() {
        lines = jwt.tokens.issuers.iter().map(issuer).collect();
        // The global check is for the one issuer that it names (D9).
        if let Some(named) = &jwt.tokens.issuer {
            lines.push(format!(
                "tokens of {named}: audience {}, keys: {sources}",
                or_any(&jwt.tokens.audience)
            ));
        }
    }
    lines.extend(jwt.tokens.opaque.as_ref().map(opaque));
    lines.push(format!(
        "clocks: a token is accepted {} s before `nbf` and `iat`, and {} s after `exp`",
        jwt.tokens.early_leeway.as_secs_f64(),
        jwt.tokens.leeway.as_secs_f64()
    ));
    lines.push(format!("role permissions: {rbac}"));
    lines
}

fn issuer(entry: &Issuer) -> String {
    let audience = entry.audience.as_ref().map_or_else(|| "any".to_owned(), |names| names.join(" or "));
    format!("tokens of {}: audience {audience}, keys: {}", entry.issuer, place(&entry.key_url))
}

fn opaque(provider: &OpaqueTokens) -> String {
    match provider {
        OpaqueTokens::Userinfo { endpoint, .. } => {
            format!("opaque tokens: by userinfo at {}", place(endpoint))
        }
        OpaqueTokens::Introspection { endpoint, .. } => {
            format!("opaque tokens: by introspection at {}", place(endpoint))
        }
    }
}
