//! A request whose head was read and whose body is still being received.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Incoming};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};

/// A request whose body is still being received.
pub(in crate::gateway) struct IncomingRequest {
    pub(in crate::gateway) head: Parts,
    pub(in crate::gateway) body: RequestBody,
    /// The address of the peer.
    pub(in crate::gateway) peer: Option<IpAddr>,
    /// The authorities that verified the certificate of the peer, in PEM form, if it showed one.
    pub(in crate::gateway) client_ca: Option<Arc<[u8]>>,
    /// Changes when the server stops. WebSockets watch it, because they outlive hyper's connection.
    pub(in crate::gateway) draining: Option<watch::Receiver<()>>,
    /// Gets the stream of the connection, if the answer switches its protocol. `None` if the request does not ask for it.
    pub(in crate::gateway) upgrade: Option<oneshot::Receiver<Switched>>,
}

/// The stream of a connection that no longer speaks HTTP.
pub(in crate::gateway) type Switched = Box<dyn Duplex>;

/// A stream in both directions.
pub(in crate::gateway) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// The body of a request: it arrives on a connection of ours, or somebody else brings it.
pub(in crate::gateway) type RequestBody = Either<Incoming, UnsyncBoxBody<Bytes, BoxError>>;

/// Any error of a body.
pub(in crate::gateway) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An extension of a response, set if the body of its request was not read to the end.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct UnreadBody;

impl IncomingRequest {
    pub(in crate::gateway) fn new(request: Request<Incoming>, peer: Option<IpAddr>) -> Self {
        let (head, body) = request.into_parts();
        Self { head, body: Either::Left(body), peer, client_ca: None, draining: None, upgrade: None }
    }

    /// A request whose body has arrived.
    pub(in crate::gateway) fn whole(head: Parts, body: Bytes, peer: Option<IpAddr>) -> Self {
        Self::boxed(Request::from_parts(head, Full::new(body)), peer)
    }

    /// A request with any body.
    pub(in crate::gateway) fn boxed<B>(request: Request<B>, peer: Option<IpAddr>) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        let body = Either::Right(body.map_err(Into::into).boxed_unsync());
        Self { head, body, peer, client_ca: None, draining: None, upgrade: None }
    }

    /// Whether the task that polls the connection also reads the body. HTTP/2 uses a task for each stream.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(self.body, Either::Left(_)) && self.head.version != Version::HTTP_2
    }
}
