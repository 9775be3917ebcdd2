//! What a request asks for, and why one is refused unread.

use std::ops::Range;

use http::{HeaderMap, Method};

use super::content::Slot;
use super::{Circumstances, ModelUse, RoutePath, places};
use crate::names::ModelName;

/// The parts of a request that say what it asks for.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'r> {
    /// The method.
    pub method: &'r Method,
    /// The path as it was sent, percent-encoding included.
    pub path: &'r str,
    /// What stands behind `?`, as it was sent.
    pub query: Option<&'r str>,
    /// The headers: content type and encoding, and the team header, are looked at.
    pub headers: &'r HeaderMap,
    /// The whole body.
    pub body: &'r [u8],
}

/// A request without its body, which may come later.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'r> {
    /// The method.
    pub method: &'r Method,
    /// The path as it was sent, percent-encoding included.
    pub path: &'r str,
    /// What stands behind `?`, as it was sent.
    pub query: Option<&'r str>,
    /// The headers: content type and encoding, and the team header, are looked at.
    pub headers: &'r HeaderMap,
}

/// A request that was understood: its route and every model that it names.
///
/// Made by [`classify`](super::classify) alone.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiCall {
    pub(super) method: Method,
    pub(super) route: RoutePath,
    pub(super) model: Option<ModelName>,
    pub(super) further: Vec<ModelName>,
    pub(super) team_header: Option<String>,
    pub(super) slot: Option<Slot>,
    pub(super) query_model: Option<Range<usize>>,
    pub(super) model_use: ModelUse,
    pub(super) body_bytes: usize,
    pub(super) circumstances: Circumstances,
}

impl ApiCall {
    /// The same call, with when and from where it came.
    #[must_use]
    pub fn with_circumstances(self, circumstances: Circumstances) -> Self {
        Self { circumstances, ..self }
    }

    /// When and from where the call came.
    #[must_use]
    pub fn circumstances(&self) -> Circumstances {
        self.circumstances
    }

    /// The length of the body, in bytes.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, in the one form that is judged and forwarded.
    #[must_use]
    pub fn route(&self) -> &RoutePath {
        &self.route
    }

    /// The model that the request asks for.
    #[must_use]
    pub fn model(&self) -> Option<&ModelName> {
        self.model.as_ref()
    }

    /// Every model that the request names: the one that it asks for, then the further ones, each once.
    pub fn models(&self) -> impl Iterator<Item = &ModelName> {
        self.model.iter().chain(self.further.iter().filter(|further| Some(*further) != self.model.as_ref()))
    }

    /// The value of the header `x-litellm-team-id`.
    #[must_use]
    pub fn team_header(&self) -> Option<&str> {
        self.team_header.as_deref()
    }

    /// The route that is judged: the path, except that a model in a list is judged as the list is. `GET
    /// /v1/models/{id}` shows nothing that `GET /v1/models` does not.
    #[must_use]
    pub fn judged_route(&self) -> &str {
        let path = self.route.as_str();
        places::listing_of(&self.method, path).unwrap_or(path)
    }

    /// Where in the body the value of `model` stands, as bytes; in JSON with its quotes.
    #[must_use]
    pub fn body_model(&self) -> Option<Range<usize>> {
        self.slot.as_ref()?.model()
    }

    /// Where in the query the value of `model` stands, as bytes.
    #[must_use]
    pub fn query_model(&self) -> Option<Range<usize>> {
        self.query_model.clone()
    }

    /// What to write, and in the place of which bytes of the body, so that the body names `model`. `None` for a body that
    /// names none and cannot, as one that is empty or of an unknown type.
    #[must_use]
    pub fn renamed_body(&self, model: &str) -> Option<(Range<usize>, String)> {
        let slot = self.slot.as_ref()?;
        (slot.model().is_some() || self.method == Method::POST).then(|| slot.edit(model))
    }

    /// Whether the body asks for a streamed answer.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.model_use.stream
    }

    /// How the request uses its model.
    #[must_use]
    pub fn model_use(&self) -> ModelUse {
        self.model_use
    }
}

/// A request that cannot be judged, so is not forwarded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The path has more than one reading.
    #[error("the path is not in normal form: {0}")]
    Path(&'static str),
    /// The query has more than one reading.
    #[error("the query cannot be read: {0}")]
    Query(String),
    /// The body cannot be read where a model may be named.
    #[error("the body cannot be read: {0}")]
    Body(String),
    /// Arrays and objects of the body stand inside each other too deep.
    #[error("the body is nested deeper than {limit} levels")]
    Depth {
        /// How deep they may.
        limit: usize,
    },
    /// A body in a format or an encoding that is not judged.
    #[error("the body's {0} is not supported")]
    Unsupported(&'static str),
    /// Two places ask for different models.
    #[error("{first} and {second} ask for different models")]
    TwoModels {
        /// One place.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A model with an empty name.
    #[error("{place} names an empty model")]
    EmptyModel {
        /// The place.
        place: &'static str,
    },
    /// A model whose name some readers cut or change.
    #[error("{place} names a model with a control character")]
    ControlCharacter {
        /// The place.
        place: &'static str,
    },
    /// A POST to a route that always takes a model names none.
    #[error("this route takes a model, and the request names none")]
    NoModel,
    /// The team header is there twice, or is not visible ASCII.
    #[error("the header `x-litellm-team-id` must be given once, in visible ASCII")]
    TeamHeader,
}
