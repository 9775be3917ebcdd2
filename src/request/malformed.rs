//! The reasons why a request cannot be judged.

/// The reason why a request cannot be judged, so is not forwarded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The path is ambiguous.
    #[error("the path is not in normal form: {0}")]
    Path(&'static str),
    /// The query is ambiguous.
    #[error("the query cannot be read: {0}")]
    Query(String),
    /// A part of the body that may name a model cannot be read.
    #[error("the body cannot be read: {0}")]
    Body(String),
    /// Arrays and objects of the body are nested too deeply.
    #[error("the body is nested deeper than {limit} levels")]
    Depth {
        /// The maximum depth.
        limit: usize,
    },
    /// The format or encoding of the body is not supported.
    #[error("the body's {0} is not supported")]
    Unsupported(&'static str),
    /// Two places name different models.
    #[error("{first} and {second} ask for different models")]
    TwoModels {
        /// One place.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// The name of a model is empty.
    #[error("{place} names an empty model")]
    EmptyModel {
        /// The place.
        place: &'static str,
    },
    /// Some readers cut or change the name of a model.
    #[error("{place} names a model with a control character")]
    ControlCharacter {
        /// The place.
        place: &'static str,
    },
    /// The name of a model is too long.
    #[error("{place} names a model with more than {limit} bytes")]
    LongName {
        /// The place.
        place: &'static str,
        /// The maximum length of a name in bytes.
        limit: usize,
    },
    /// A POST to a route that always needs a model names none.
    #[error("this route requires a model, and the request names none")]
    NoModel,
    /// A message of a WebSocket names no model, and neither did the handshake.
    #[error("neither the handshake nor this message names a model")]
    NoModelYet,
    /// The team header occurs twice, or is not visible ASCII.
    #[error("the header `x-litellm-team-id` must be given once, in visible ASCII")]
    TeamHeader,
    /// A header that selects a model cannot be read.
    #[error("{place} names no model that can be judged")]
    Header {
        /// The header.
        place: &'static str,
    },
    /// A header requests another method than the request has.
    #[error(
        "a header such as `x-http-method-override` asks for another method; send the request with that method"
    )]
    MethodOverride,
    /// The request selects a deployment by LiteLLM's id, which rules about names do not cover.
    #[error("the request asks for a deployment by its id; ask for a model by its name")]
    DeploymentId,
    /// The body has a member that only LiteLLM knows, and the configuration does not allow it.
    #[error(
        "no provider's API has the member `{0}`; leave it out, or ask the operator to list it in \
         `modelgate.upstream.pass`"
    )]
    LiteLlmMember(Box<str>),
}
