//! Parses lines of the decision log to decide them again.

use serde_json::Value;

use crate::authn::VerifiedClaims;
use crate::decision_log::{Input, Line, Verdict};
use crate::engine::{AuthzQuery, Snapshot};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::RequestContext;

/// The placeholder of a masked value.
const MASKED: &str = "***";
/// The ending of a name that was truncated for the log.
const CUT: char = '…';

/// Why a line cannot be decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Left {
    /// `decision_log.replayable` was not set.
    WithoutInput,
    /// The request had no caller, or it was malformed.
    Undecided,
    /// The log masks or truncates part of the request.
    Masked,
}

/// Whether the request was allowed. The upstream's answer does not matter.
pub(in crate::cli) fn was_allowed(line: &Line) -> bool {
    match line.verdict {
        Verdict::Allowed | Verdict::Failed => true,
        Verdict::Denied | Verdict::Refused => false,
    }
}

/// The input of the decision, or the reason that it is not known.
pub(in crate::cli) fn input(line: &Line) -> Result<&Input, Left> {
    if line.verdict == Verdict::Refused {
        return Err(Left::Undecided);
    }
    let input = line.input.as_deref().ok_or(Left::WithoutInput)?;
    match serde_json::to_value(input) {
        Ok(value) if !is_masked(&value) => Ok(input),
        _ => Err(Left::Masked),
    }
}

fn is_masked(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(MASKED) || text.ends_with(CUT),
        Value::Array(list) => list.iter().any(is_masked),
        Value::Object(object) => object.values().any(is_masked),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The request.
///
/// # Errors
///
/// A description of the invalid part.
pub(in crate::cli) fn query(input: &Input) -> Result<AuthzQuery, String> {
    let additional = input.additional_models.iter().filter(|name| Some(*name) != input.model.as_ref());
    let models = input.model.iter().chain(additional).map(|name| ModelName::new(name));
    let address = |text: &String| text.parse().map_err(|_| format!("`{text}` is not an address"));
    Ok(AuthzQuery {
        method: input.method.clone(),
        route: input.path.clone(),
        team_header: input.team_header.clone(),
        models: models.collect::<Result<_, _>>().map_err(|error| error.to_string())?,
        model_use: input.model_use,
        body_bytes: usize::try_from(input.body_bytes).unwrap_or(usize::MAX),
        request_context: RequestContext {
            time: input.time,
            source: input.source.as_ref().map(address).transpose()?,
        },
    })
}

/// The caller that this configuration derives from the claims. `None` for the master key, if this
/// configuration has none.
pub(in crate::cli) fn caller(input: &Input, snapshot: &Snapshot) -> Option<Caller> {
    match &input.claims {
        Some(claims) => Some(snapshot.identify(&VerifiedClaims::dangerous_trust((**claims).clone()))),
        None => snapshot.config().master_key.is_some().then(Caller::master_key),
    }
}
