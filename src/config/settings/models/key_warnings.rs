//! Warns about credentials that are missing or are unreplaced placeholders.

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::problem::Caution;
use crate::config::settings::context::Context;
use crate::config::settings::models::entry::At;
use crate::config::settings::models::provider::Known;
use crate::config::settings::types::{Deployment, Provider};
use crate::config::yaml::environment::REFERENCE;

/// Warns about a value such as `${KEY}`, which LiteLLM does not replace either.
pub(in crate::config) fn check_literal(
    cx: &mut Context<'_>,
    path: &str,
    key: &'static str,
    value: Option<&SecretString>,
) {
    let Some(value) = value else { return };
    let text = value.expose_secret();
    if let Some(name) = variable_in(text) {
        let caution = Caution::LiteralVariable { key, written: text.to_owned(), name: name.to_owned() };
        cx.warn(path, caution);
    }
}

/// The variable that a placeholder in another notation names.
fn variable_in(text: &str) -> Option<&str> {
    if text.starts_with(REFERENCE) {
        return None;
    }
    let inner = if let Some(inner) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        inner.split(":-").next().unwrap_or(inner)
    } else if let Some(rest) = text.strip_prefix('$') {
        // A value with lower-case letters may be a secret, which no message may quote.
        (!rest.contains(|c: char| c.is_ascii_lowercase())).then_some(rest)?
    } else if text.starts_with("os.environ") || text.starts_with("environ") {
        let end = text.trim_end_matches(|c: char| !is_part(c));
        let start = end.rfind(|c: char| !is_part(c))?;
        end.get(start + 1..)?
    } else {
        text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"))?.trim()
    };
    let is_name =
        !inner.is_empty() && inner.chars().all(is_part) && !inner.starts_with(|c: char| c.is_ascii_digit());
    is_name.then_some(inner)
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Warns once for each provider whose default endpoint would get requests without a credential.
pub(in crate::config) fn check_missing(cx: &mut Context<'_>, at: At, known: &Known, deployment: &Deployment) {
    let is_at_provider = deployment.provider == Provider::Azure
        || known.api_base.as_deref().is_some_and(|base| {
            base.starts_with("https:")
                && deployment.api_base.as_str().trim_end_matches('/') == base.trim_end_matches('/')
        });
    let has_credential = deployment.api_key.is_some()
        || deployment.credential.is_some()
        || deployment.extra_headers.iter().any(|(name, _)| {
            matches!(name.as_str(), "authorization" | "api-key" | "x-api-key" | "x-goog-api-key")
        });
    if !is_at_provider
        || has_credential
        || known.key_variables.is_empty()
        || !cx.without_key.insert(known.name.clone())
    {
        return;
    }
    let variables: Vec<_> = known.key_variables.iter().map(|name| format!("`{name}`")).collect();
    let caution = Caution::NoKey { provider: known.name.clone(), variables: variables.join(" or ") };
    cx.warn(&at.param("model"), caution);
}

#[cfg(test)]
mod tests {
    use super::variable_in;

    #[test]
    fn notations_of_other_tools_name_a_variable() {
        for (text, name) in [
            ("${KEY}", Some("KEY")),
            ("${KEY:-none}", Some("KEY")),
            ("$KEY", Some("KEY")),
            ("$ecretWord1", None),
            ("{{ KEY }}", Some("KEY")),
            ("os.environ['KEY']", Some("KEY")),
            ("os.environ.KEY", Some("KEY")),
            ("os.environ/KEY", None),
            ("sk-1234", None),
            ("$2a$10$hash.of/bcrypt", None),
            ("none", None),
        ] {
            assert_eq!(variable_in(text), name, "{text}");
        }
    }
}
