//! Why a request cannot be judged.

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
    /// A model with a name that is too long.
    #[error("{place} names a model with more than {limit} bytes")]
    LongName {
        /// The place.
        place: &'static str,
        /// How many bytes a name may have.
        limit: usize,
    },
    /// A POST to a route that always takes a model names none.
    #[error("this route takes a model, and the request names none")]
    NoModel,
    /// A message of a WebSocket names no model, and neither did the handshake.
    #[error("neither the handshake nor this message names a model")]
    NoModelYet,
    /// The team header is there twice, or is not visible ASCII.
    #[error("the header `x-litellm-team-id` must be given once, in visible ASCII")]
    TeamHeader,
    /// A header that chooses a model cannot be read.
    #[error("{place} names no model that can be judged")]
    Header {
        /// The header.
        place: &'static str,
    },
    /// A header asks for another method than the request has.
    #[error(
        "a header such as `x-http-method-override` asks for another method; send the request with that method"
    )]
    MethodOverride,
    /// A deployment is asked for by LiteLLM's id, past the names that rules are about.
    #[error("the request asks for a deployment by its id; ask for a model by its name")]
    DeploymentId,
    /// A member of the body that only LiteLLM knows, where the configuration does not let it pass.
    #[error(
        "the member `{0}` is of no provider's API; leave it out, or ask the operator to list it in `modelgate.upstream.pass`"
    )]
    LiteLlmMember(Box<str>),
}
