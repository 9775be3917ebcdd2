//! The listener for Envoy's external authorization filter.
//!
//! Input: a request of `envoy.service.auth.v3.Authorization/Check` (`check`, with the messages of `proto` over `grpc`), or the
//! original request itself, from Envoy's HTTP service (`plain`). Output: whether Envoy may forward it, the headers to set and to
//! remove, and dynamic metadata. `server` listens on a TCP or Unix socket.

mod check;
mod grpc;
mod plain;
mod proto;
mod server;

pub use server::ExtAuthzServer;

/// What to tell the operator if the body did not come along, or only its beginning.
const ADVICE: &str = "set `with_request_body` in Envoy's `ext_authz` filter, with `allow_partial_message: false` and a `max_request_bytes` \
                      that fits every request";
