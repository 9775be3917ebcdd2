//! The state of the active configuration as JSON.

use std::time::{Instant, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::display::escape;
#[cfg(feature = "cli")]
use crate::gateway::reload::history::Attempt;
use crate::gateway::reload::reloader::Reloader;

/// The health of each deployment, without keys and with no more of its address than the host.
pub(crate) fn deployments(reloader: &Reloader) -> Value {
    let active = reloader.gateway().active();
    let deployments = active.deployments.health(Instant::now()).map(|deployment| {
        json!({
            "model": deployment.model,
            "deployment": deployment.label,
            "host": deployment.host,
            "cooling_down_seconds": deployment.cooling.map(|rest| rest.as_secs_f64()),
            "succeeded": deployment.calls.succeeded,
            "failed": deployment.calls.failed,
        })
    });
    json!({
        "generation": active.snapshot().generation(),
        "deployments": deployments.collect::<Vec<_>>(),
    })
}

/// The active configuration, and how the last attempts to reload it ended.
pub(crate) fn snapshot(reloader: &Reloader) -> Value {
    let (generation, status) = (reloader.gateway().active(), reloader.status());
    let origin = generation.origin();
    let error =
        status.last_error.map(|error| json!({"at": time(error.at), "message": escape_lines(&error.message)}));
    json!({
        "generation": generation.snapshot().generation(),
        "hash": origin.map(|origin| &origin.hash),
        "loaded_at": origin.map(|origin| time(origin.loaded_at)),
        "files": origin.map(|origin| origin.files.iter().map(|file| file.to_string_lossy()).collect::<Vec<_>>()),
        "policies": origin.map(|origin| origin.policy_count),
        "reloads": status.reloads,
        "failures": status.failures,
        "last_error": error,
    })
}

/// The key sets of each provider, without the keys.
#[cfg(feature = "cli")]
pub(crate) fn keys(reloader: &Reloader) -> Value {
    let active = reloader.gateway().active();
    let sources = active.verifier.as_ref().map(|verifier| verifier.state().0).unwrap_or_default();
    let sources = sources.iter().map(|source| {
        json!({
            "issuer": source.issuer,
            "url": source.provider,
            "keys": source.keys,
            "age_seconds": source.age.map(|age| age.as_secs_f64()),
        })
    });
    sources.collect()
}

/// An attempt to reload.
#[cfg(feature = "cli")]
pub(crate) fn attempt(attempt: &Attempt) -> Value {
    json!({
        "at": time(attempt.at),
        "outcome": if attempt.error.is_some() { "refused" } else { "loaded" },
        "generation": attempt.generation,
        "hash": attempt.hash,
        "error": attempt.error.as_deref().map(escape_lines),
        "changes": attempt.changes.iter().map(|change| escape(change)).collect::<Vec<_>>(),
    })
}

/// Escapes each line of a text.
pub(crate) fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// Formats a time as RFC 3339, in UTC.
pub(crate) fn time(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Millis, true)
}
