//! One route, and what is known of it.

use http::{HeaderMap, Method};

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

impl ErrorShape {
    /// The form of errors that a client reads, as far as its headers tell: OpenAI's unless they are another API's.
    #[must_use]
    pub fn by_headers(headers: &HeaderMap) -> Self {
        if headers.contains_key("anthropic-version") {
            Self::Anthropic
        } else if headers.contains_key("x-goog-api-key") || headers.contains_key("x-goog-api-client") {
            Self::Google
        } else {
            Self::OpenAi
        }
    }
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
    pub(super) path: String,
    pub(super) methods: Methods,
    pub(super) model_use: ModelUse,
    pub(super) models: Vec<Place>,
    pub(super) references: Vec<Place>,
    pub(super) shape: Shape,
    pub(super) floor: Floor,
}

/// What lets callers use a route (R9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Floor {
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

    /// The form of errors that the client reads. On paths that several APIs have, `by_headers` is: see
    /// [`ErrorShape::by_headers`].
    #[must_use]
    pub fn error_shape(&self, by_headers: ErrorShape) -> ErrorShape {
        match self.shape {
            Shape::One(shape) => shape,
            Shape::Shared => by_headers,
        }
    }
}

/// The methods of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Methods(u8);

const NAMES: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

impl Methods {
    pub(super) const GET: Self = Self(1);
    pub(super) const POST: Self = Self(2);
    pub(super) const OTHER: Self = Self(1 << 5);

    /// What a request's method counts as.
    pub(super) fn of(method: &Method) -> Self {
        if [Method::HEAD, Method::OPTIONS].contains(method) {
            Self::GET
        } else {
            Self::named(method.as_str())
        }
    }

    pub(super) fn named(name: &str) -> Self {
        NAMES.iter().position(|known| *known == name).map_or(Self::OTHER, |at| Self(1 << at))
    }

    pub(super) fn contains(self, asked: Self) -> bool {
        self.0 & asked.0 != 0
    }

    /// Whether a request with this method is more than a question.
    pub(super) fn may_change(self) -> bool {
        self != Self::GET
    }

    /// `*`, or names with commas between them. `HEAD` counts as `GET`.
    pub(super) fn parse(text: &str) -> Self {
        if text == "*" {
            return Self(u8::MAX);
        }
        let named = |name| if name == "HEAD" { Self::GET } else { Self::named(name) };
        Self(text.split(',').map(|name| named(name).0).fold(0, |all, one| all | one))
    }
}

/// Whose errors the clients of a route read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    One(ErrorShape),
    /// Several APIs have the path.
    Shared,
}
