//! From the parts of a request to what it asks for: an [`ApiCall`], or a refusal.
//!
//! Everything here is pure: bytes in, facts out. What cannot be read in exactly one way is refused, because the
//! upstream might read it in the other (D2).

mod body;
mod call;
mod context;
mod form;
mod frame;
mod head;
mod json;
mod keys;
mod malformed;
mod models;
mod parser;

#[cfg(feature = "gateway")]
pub(crate) use call::Resolved;
pub use call::{ApiCall, RequestHead, RequestParts};
pub use context::RequestContext;
pub use frame::{Frame, Socket, event_id};
pub use head::headers::TEAM_HEADER;
pub use head::path::RoutePath;
pub use malformed::Malformed;
pub use models::model_use::ModelUse;
pub use parser::{RequestParser, StreamedBody, WholeBody};

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
    match RequestParser::begin(&RequestHead { method, path, query, headers })? {
        RequestParser::Whole(whole) => whole.finish(body),
        RequestParser::Streamed(mut streamed) => {
            streamed.feed(body)?;
            streamed.finish()
        }
    }
}

#[cfg(test)]
mod tests;
