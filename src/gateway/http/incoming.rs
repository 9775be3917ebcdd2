//! A request whose head was read and whose body is still being received.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Version};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::watch;

/// A request whose body is still being received.
pub(in crate::gateway) struct IncomingRequest {
    pub(in crate::gateway) head: Parts,
    pub(in crate::gateway) body: RequestBody,
    /// The address of the peer.
    pub(in crate::gateway) peer: Option<IpAddr>,
    /// Changes when the server stops. WebSockets watch it, because they outlive hyper's connection.
    pub(in crate::gateway) draining: Option<watch::Receiver<()>>,
}

/// The body of a request.
pub(in crate::gateway) enum RequestBody {
    /// It arrives on a connection.
    Incoming(Incoming),
    /// Another proxy sent it inside a message.
    Whole(Full<Bytes>),
}

/// An extension of a response, set if the body of its request was not read to the end.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct UnreadBody;

impl IncomingRequest {
    pub(in crate::gateway) fn new(request: Request<Incoming>, peer: Option<IpAddr>) -> Self {
        let (head, body) = request.into_parts();
        Self { head, body: RequestBody::Incoming(body), peer, draining: None }
    }

    /// Whether the task that polls the connection also reads the body. HTTP/2 uses a task for each stream.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(self.body, RequestBody::Incoming(_)) && self.head.version != Version::HTTP_2
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Incoming(body) => Pin::new(body).poll_frame(context),
            Self::Whole(body) => {
                let frame = Pin::new(body).poll_frame(context);
                frame.map(|frame| frame.map(|frame| frame.map_err(|never: Infallible| match never {})))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Incoming(body) => body.is_end_stream(),
            Self::Whole(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Incoming(body) => body.size_hint(),
            Self::Whole(body) => body.size_hint(),
        }
    }
}
