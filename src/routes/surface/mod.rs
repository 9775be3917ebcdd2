//! The known routes of LLM APIs, and the model that a request to each one runs.
//!
//! `table.txt` lists the routes of LiteLLM's groups and of the SDKs that `tests/surface` pins. [`lookup`] finds the
//! entry of a request. For a route without an entry, no model is known to run.

mod index;
mod route;
mod table;

use http::Method;

use index::Index;
use route::{Floor, Methods};

pub use route::{ErrorShape, ModelUse, Place, Route};

/// The entry of a request to `path`, a path in normal form.
///
/// `HEAD` and `OPTIONS` count as `GET`. Where a path has no entry for another method, that of `POST` counts: an upstream may
/// take one for the other. Below a prefix that LiteLLM passes on, such as `/anthropic`, the rest of the path is looked up.
///
/// ```
/// use http::Method;
/// use modelgate::routes::surface::{ModelUse, lookup};
///
/// let model_use = |path| lookup(&Method::POST, path).map(|route| route.model_use());
/// assert_eq!(model_use("/v1/chat/completions"), Some(ModelUse::Named));
/// assert_eq!(model_use("/v1/images/generations"), Some(ModelUse::Default));
/// assert_eq!(model_use("/v1/threads/t/runs"), Some(ModelUse::Reference));
/// assert_eq!(model_use("/v1/vector_stores"), Some(ModelUse::None));
/// assert_eq!(model_use("/none/such"), None);
/// ```
#[must_use]
pub fn lookup(method: &Method, path: &str) -> Option<&'static Route> {
    let index = Index::get();
    let asked = Methods::of(method);
    let found = index.find(asked, path);
    if found.is_some() || !asked.may_change() { found } else { index.find(Methods::POST, path) }
}

/// The error format that the client of a request expects. `by_headers` is used where the path does not decide: see
/// [`ErrorShape::by_headers`].
#[must_use]
pub fn error_shape(method: &Method, path: &str, by_headers: ErrorShape) -> ErrorShape {
    lookup(method, path).map_or(by_headers, |route| route.error_shape(by_headers))
}

/// Whether an SDK uses the path. R9 then allows it, unless the operator closed such routes.
#[must_use]
pub fn is_sdk_route(path: &str) -> bool {
    Index::get().first(path).is_some_and(|route| route.floor == Floor::Sdk)
}

/// The templates of all known routes.
#[cfg(feature = "prove")]
pub(crate) fn templates() -> impl Iterator<Item = &'static str> {
    Index::get().all().map(Route::path)
}

#[cfg(test)]
mod tests;
