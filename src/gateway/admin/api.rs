//! What answers the routes that this layer does not know: the console and its API.

use std::pin::Pin;

use bytes::Bytes;
use http::request::Parts;
use tokio::sync::watch;

use crate::gateway::http::error_response::Answer;

/// Whose request a route answers. Each may do what the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// Everybody: the answer says nothing about this gateway.
    Nothing,
    /// A token with a role of `modelgate.admin_auth.roles`.
    Viewer,
    /// The token of `modelgate.admin_auth`.
    Operator,
}

/// A route that is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    /// Who may send the request.
    pub(crate) need: Need,
    /// The maximum size of its body. Without a body, nothing is read.
    pub(crate) max_body_bytes: usize,
}

/// A request for a route.
pub(crate) struct ApiRequest {
    /// Its head.
    pub(crate) head: Parts,
    /// Its whole body.
    pub(crate) body: Bytes,
    /// Becomes true when the listener stops. Streams end then.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// The answer. Its body may be a stream.
pub(crate) type ApiAnswer = Answer;

/// Answers requests of operators.
pub(crate) trait OperatorApi: Send + Sync {
    /// The route of a request, or `None` if there is no such route.
    fn route(&self, head: &Parts) -> Option<Served>;

    /// Answers a request for one of its routes.
    fn answer(&self, request: ApiRequest) -> Pin<Box<dyn Future<Output = ApiAnswer> + Send + '_>>;
}
