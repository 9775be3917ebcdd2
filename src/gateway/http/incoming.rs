//! A request whose head was read, and whose body is still to come.

use std::net::IpAddr;

use http::request::Parts;
use http::{Request, Version};
use hyper::body::Incoming;

/// A request whose body still comes.
pub(in crate::gateway) struct IncomingRequest {
    pub(in crate::gateway) head: Parts,
    pub(in crate::gateway) body: Incoming,
    /// The address at the other end of its connection.
    pub(in crate::gateway) peer: Option<IpAddr>,
}

/// Marks an answer, by its extensions, whose request has a body that was not read to its end.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct UnreadBody;

impl IncomingRequest {
    pub(in crate::gateway) fn new(request: Request<Incoming>, peer: Option<IpAddr>) -> Self {
        let (head, body) = request.into_parts();
        Self { head, body, peer }
    }

    /// Whether its body is read by the task that polls its connection. HTTP/2 gives each of its streams a task.
    pub(super) fn is_of_connection(&self) -> bool {
        self.head.version != Version::HTTP_2
    }
}
