//! HTTP messages: incoming requests, bodies, headers, and the responses of the gateway itself.
//!
//! Input: hyper's requests. Output: their parts, read within limits and filtered for forwarding. Only
//! `error_response` converts failures to statuses. This module uses no sockets and no policies.

pub(super) mod body;
pub(super) mod client_ip;
pub(super) mod credential;
pub(super) mod error_response;
pub(super) mod header_names;
pub(super) mod headers;
pub(super) mod incoming;
pub(super) mod request_id;
pub(super) mod segmented_body;
pub(super) mod send_gate;
pub(super) mod wake_suppression;
