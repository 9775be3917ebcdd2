//! The callers' side of the network: sockets, TLS, HTTP/1.1 and HTTP/2.
//!
//! Input: connections. Each request goes to `pipeline`, or to the routes of the admin listener, and its answer is sent
//! from here. This module does not interpret requests. It enforces deadlines and limits: the number of connections, how
//! long each may wait, and how they end.

mod accept;
pub(super) mod answers;
pub(super) mod connection;
mod fd_limit;
pub(super) mod h2_streams;
mod lingering_close;
pub(super) mod protocol;
pub(super) mod rewound;
pub(super) mod server;
pub(super) mod timeouts;
pub(super) mod tls;
