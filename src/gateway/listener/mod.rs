//! The callers' side of the network: sockets, TLS, HTTP/1.1 and HTTP/2.
//!
//! In come connections. Out goes each of their requests to `pipeline`, or to the admin listener's routes, and the answer
//! comes back here. Nothing here knows what a request asks for. What is here is deadlines and bounds: how many connections
//! there may be, how long each may wait, and how they end.

mod accept;
pub(super) mod connection;
mod fd_limit;
pub(super) mod h2_streams;
mod lingering_close;
pub(super) mod server;
mod timeouts;
mod tls;
