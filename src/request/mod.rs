//! From the parts of a request to what it asks for: an [`ApiCall`], or a refusal.
//!
//! Everything here is pure: bytes in, facts out. What cannot be read in exactly one way is refused, because the
//! upstream might read it in the other (D2).

mod batch;
mod body;
mod call;
mod circumstances;
mod content;
mod content_type;
mod details;
mod form;
mod further;
mod json;
mod keys;
mod model_use;
mod multipart;
mod needle;
mod part;
mod path;
mod places;
mod query;
mod reading;
mod scan;
mod spelling;
mod string;
mod walk;

pub use call::{ApiCall, Malformed, RequestHead, RequestParts};
pub use circumstances::Circumstances;
pub use model_use::ModelUse;
pub use path::RoutePath;
pub use reading::{Reading, StreamedBody, WholeBody};

use crate::names::ModelName;

/// The header that selects a team (R6.1).
pub const TEAM_HEADER: &str = "x-litellm-team-id";

/// Says what a request asks for.
///
/// ```
/// use http::{HeaderMap, Method};
/// use modelgate::request::{RequestParts, classify};
///
/// let call = classify(&RequestParts {
///     method: &Method::POST,
///     path: "/v1/chat/completions",
///     query: None,
///     headers: &HeaderMap::new(),
///     body: br#"{"model": "gpt-4o", "messages": []}"#,
/// })?;
/// assert_eq!(call.model().map(|m| m.as_str()), Some("gpt-4o"));
/// # Ok::<(), modelgate::request::Malformed>(())
/// ```
///
/// # Errors
///
/// [`Malformed`] for a request that cannot be judged.
pub fn classify(parts: &RequestParts<'_>) -> Result<ApiCall, Malformed> {
    let RequestParts { method, path, query, headers, body } = *parts;
    match Reading::begin(&RequestHead { method, path, query, headers })? {
        Reading::Whole(whole) => whole.finish(body),
        Reading::Streamed(mut streamed) => {
            streamed.feed(body)?;
            streamed.finish()
        }
    }
}

/// A name that every reader takes for the same: one with a NUL ends there for some, and a line break ends a field.
fn model_name(place: &'static str, name: &str) -> Result<ModelName, Malformed> {
    // Beyond ASCII there are control characters too.
    let is_visible = name.bytes().fold(true, |all, byte| all & (b' '..0x7f).contains(&byte));
    if !is_visible && name.chars().any(char::is_control) {
        return Err(Malformed::ControlCharacter { place });
    }
    ModelName::new(name).map_err(|_| Malformed::EmptyModel { place })
}

#[cfg(test)]
mod tests;
