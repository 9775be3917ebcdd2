//! Parses the parts of a request into an [`ApiCall`], or refuses the request.
//!
//! All functions here are pure. A request with more than one possible interpretation is refused, because the upstream
//! might choose another one (D2).

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
#[cfg(feature = "gateway")]
pub(crate) use form::batch::Batch;
pub use frame::{Frame, Socket, event_id};
pub use head::headers::TEAM_HEADER;
#[cfg(feature = "gateway")]
pub(crate) use head::model_path::bedrock_call;
pub use head::path::RoutePath;
pub use malformed::Malformed;
pub use models::model_use::ModelUse;
pub use parser::{RequestParser, StreamedBody, WholeBody};

/// Parses a request.
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
