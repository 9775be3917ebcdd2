//! The known routes of LLM APIs, and what a request to each runs.
//!
//! `table.txt` lists the routes of LiteLLM's groups and of the SDKs that `tests/surface` pins. [`lookup`] finds the entry of a
//! request. A route without an entry runs no model that is known.

mod index;
mod table;

use http::HeaderMap;
use http::Method;

use index::Index;
use table::{Methods, Shape};

/// What a request runs when it names no model (D10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModelUse {
    /// A request always names a model here; one without is malformed.
    Named,
    /// The upstream's default model.
    Default,
    /// The model of what the request refers to: an assistant, an agent, a workflow, a batch, an earlier session.
    Reference,
    /// No model.
    None,
}

impl ModelUse {
    /// Whether a request that names no model runs one all the same.
    #[must_use]
    pub fn runs_unnamed(self) -> bool {
        matches!(self, Self::Default | Self::Reference)
    }
}

/// The API whose form of errors a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorShape {
    /// `{"error": {"message", "type", "param", "code"}}`
    OpenAi,
    /// `{"type": "error", "error": {"type", "message"}}`
    Anthropic,
    /// `{"error": {"code", "message", "status"}}`
    Google,
    /// `{"object": "error", "message", "type", "code"}`
    Mistral,
    /// `{"message"}`
    Cohere,
    /// `{"error"}`
    Ollama,
}

/// Where in a request something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// At this parameter of the path's template.
    Path(&'static str),
    /// At this key of the query.
    Query(&'static str),
    /// At this path of a JSON body, such as `requests[].params.model`.
    Body(&'static str),
    /// At this field of a form; behind the first dot, at a path of the JSON in it.
    Form(&'static str),
    /// At this path of each line of a batch file.
    Lines(&'static str),
    /// At this path of a WebSocket's frames.
    Frame(&'static str),
}

/// One known route.
#[derive(Clone, Debug)]
pub struct Route {
    path: String,
    methods: Methods,
    model_use: ModelUse,
    models: Vec<Place>,
    references: Vec<Place>,
    shape: Shape,
    floor: Floor,
}

/// What lets callers use a route (R9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Floor {
    /// An SDK has it.
    Sdk,
    /// LiteLLM's groups decide.
    Group,
    /// LiteLLM passes it on as it is.
    Pass,
    /// Only a configured list.
    Closed,
}

impl Route {
    /// The template of its path, such as `/v1/threads/{thread_id}/runs`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What a request without a model runs.
    #[must_use]
    pub fn model_use(&self) -> ModelUse {
        self.model_use
    }

    /// Where the API's clients name models.
    #[must_use]
    pub fn models(&self) -> &[Place] {
        &self.models
    }

    /// Where the API's clients name what stands for a model.
    #[must_use]
    pub fn references(&self) -> &[Place] {
        &self.references
    }

    /// The form of errors that the client reads. On paths that several APIs have, the headers tell which client it is.
    #[must_use]
    pub fn error_shape(&self, headers: &HeaderMap) -> ErrorShape {
        match self.shape {
            Shape::One(shape) => shape,
            Shape::Shared if headers.contains_key("anthropic-version") => ErrorShape::Anthropic,
            Shape::Shared if is_from_google(headers) => ErrorShape::Google,
            Shape::Shared => ErrorShape::OpenAi,
        }
    }
}

fn is_from_google(headers: &HeaderMap) -> bool {
    headers.contains_key("x-goog-api-key") || headers.contains_key("x-goog-api-client")
}

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

/// Whether an SDK has the path, so that R9 lets callers use it where the operator leaves such routes open.
#[must_use]
pub fn is_sdk_route(path: &str) -> bool {
    Index::get().first(path).is_some_and(|route| route.floor == Floor::Sdk)
}

#[cfg(test)]
mod tests;
