//! The upstream side of the network: selects the deployment for a request, and keeps the connections to it.
//!
//! Takes a `Permit` with the request that it permits. Sends the request to one deployment, and returns the response
//! with a deadline. The destination depends on the configuration, the permit, and the health of deployments that share a
//! name.

mod base_url;
pub(super) mod client;
pub(super) mod credentials;
mod deadline_body;
pub(super) mod deployments;
mod peeked_body;
mod pool;
mod proxy;
pub(super) mod retrying;
pub(super) mod router;
