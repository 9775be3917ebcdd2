//! A known route and its properties.

use http::{HeaderMap, Method};

/// The model that a request runs if it names none (D10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModelUse {
    /// Requests always name a model. A request without one is malformed.
    Named,
    /// The upstream's default model.
    Default,
    /// The model of the object that the request refers to: an assistant, an agent, a workflow, a batch, or an earlier
    /// session.
    Reference,
    /// No model.
    None,
}

impl ModelUse {
    /// Whether a request that names no model still runs one.
    #[must_use]
    pub fn runs_unnamed(self) -> bool {
        matches!(self, Self::Default | Self::Reference)
    }
}

/// The API whose error format a client expects.
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
    /// `{"message", "__type"}`
    Bedrock,
}

/// How the user agent of Mistral's client begins.
const MISTRAL: &[u8] = b"mistral-client-";

impl ErrorShape {
    /// The error format that the headers imply: Anthropic's or Google's if a header of that API is present, Mistral's if
    /// its client says so, otherwise OpenAI's.
    #[must_use]
    pub fn by_headers(headers: &HeaderMap) -> Self {
        let mut shape = Self::OpenAi;
        for (name, value) in headers {
            match name.as_str() {
                "anthropic-version" => return Self::Anthropic,
                "x-goog-api-key" | "x-goog-api-client" => shape = Self::Google,
                "user-agent" if shape == Self::OpenAi && value.as_bytes().starts_with(MISTRAL) => {
                    shape = Self::Mistral;
                }
                _ => {}
            }
        }
        shape
    }
}

/// The location of a value in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A parameter of the path's template.
    Path(&'static str),
    /// A key of the query.
    Query(&'static str),
    /// A path in a JSON body, such as `requests[].params.model`.
    Body(&'static str),
    /// A field of a form. After the first dot, a path in the JSON of the field.
    Form(&'static str),
    /// A path in each line of a batch file.
    Lines(&'static str),
    /// A path in the frames of a WebSocket.
    Frame(&'static str),
}

/// A known route.
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

/// The condition under which R9 allows a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Floor {
    /// The route belongs to an SDK.
    Sdk,
    /// LiteLLM's groups contain the route.
    Group,
    /// LiteLLM passes the route on unchanged.
    Pass,
    /// A configured list contains the route.
    Closed,
}

impl Route {
    /// The template of the path, such as `/v1/threads/{thread_id}/runs`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The model that a request runs if it names none.
    #[must_use]
    pub fn model_use(&self) -> ModelUse {
        self.model_use
    }

    /// The locations in which clients of the API name models.
    #[must_use]
    pub fn models(&self) -> &[Place] {
        &self.models
    }

    /// The locations in which clients of the API name objects that stand for a model.
    #[must_use]
    pub fn references(&self) -> &[Place] {
        &self.references
    }

    /// The error format that the client expects. If several APIs share the path, this is `by_headers`: see
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

    /// The entry of the table that a request's method uses.
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

    /// Whether a request with this method can have an effect.
    pub(super) fn may_change(self) -> bool {
        self != Self::GET
    }

    /// Parses `*` or a list of names separated by commas. `HEAD` counts as `GET`.
    pub(super) fn parse(text: &str) -> Self {
        if text == "*" {
            return Self(u8::MAX);
        }
        let named = |name| if name == "HEAD" { Self::GET } else { Self::named(name) };
        Self(text.split(',').map(|name| named(name).0).fold(0, |all, one| all | one))
    }
}

/// The error format of a route's clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    One(ErrorShape),
    /// Several APIs share the path.
    Shared,
}
