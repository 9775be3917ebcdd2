//! HTTP messages: requests as they come, bodies, headers, and the answers that the gateway gives itself.
//!
//! In come hyper's requests. Out go their parts, read within limits, and what of them may pass on. `error_response` alone
//! turns failures into statuses. No socket and no policy is known here.

pub(super) mod body;
pub(super) mod client_ip;
pub(super) mod credential;
pub(super) mod error_response;
mod header_names;
pub(super) mod headers;
pub(super) mod incoming;
pub(super) mod request_id;
pub(super) mod segmented_body;
pub(super) mod send_gate;
pub(super) mod wake_suppression;
