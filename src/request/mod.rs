//! From the parts of a request to what it asks for: an [`ApiCall`], or a refusal.
//!
//! Everything here is pure: bytes in, facts out. What cannot be read in exactly one way is refused, because the
//! upstream might read it in the other (D2).

mod body;
mod call;
mod json;
mod path;
mod places;
mod query;

pub use call::{ApiCall, Malformed, RequestParts};
pub use path::RoutePath;

use http::Method;

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
    let route = RoutePath::parse(parts.path)?;
    let team_header = team_header(parts)?;
    let content = body::read(parts.headers, parts.body)?;

    let mut model = Asked::default();
    model.ask("the path", places::path_model(parts.method, route.as_str()))?;
    if let Some(query) = parts.query
        && places::query_may_name_model(route.as_str())
    {
        model.ask("the query", query::model(query)?)?;
    }
    model.ask("the body", content.model.as_ref().map(|field| field.name.as_str()))?;

    if model.name.is_none() && *parts.method == Method::POST && places::always_takes_model(route.as_str()) {
        return Err(Malformed::NoModel);
    }
    Ok(ApiCall {
        method: parts.method.clone(),
        route,
        model: model.name,
        further: content.further,
        team_header,
        body_model: content.model.map(|field| field.span),
        stream: content.stream,
    })
}

/// The one model that all places agree on.
#[derive(Default)]
struct Asked {
    name: Option<ModelName>,
    place: &'static str,
}

impl Asked {
    fn ask(&mut self, place: &'static str, name: Option<impl AsRef<str>>) -> Result<(), Malformed> {
        let Some(name) = name else { return Ok(()) };
        let name = ModelName::new(name.as_ref()).map_err(|_| Malformed::EmptyModel { place })?;
        match &self.name {
            Some(known) if *known != name => Err(Malformed::TwoModels { first: self.place, second: place }),
            Some(_) => Ok(()),
            None => {
                *self = Self { name: Some(name), place };
                Ok(())
            }
        }
    }
}

fn team_header(parts: &RequestParts<'_>) -> Result<Option<String>, Malformed> {
    let mut values = parts.headers.get_all(TEAM_HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Malformed::TeamHeader);
    }
    value.to_str().map(|text| Some(text.to_owned())).map_err(|_| Malformed::TeamHeader)
}

#[cfg(test)]
mod tests;
