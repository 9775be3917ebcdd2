//! The upstream side of the network: selects the deployment for a request, and keeps the connections to it.
//!
//! Takes a `Permit` with the request that it permits. Sends the request to one deployment, and returns the response
//! with a deadline. A request is sent once. The destination depends only on the configuration and the permit.

mod base_url;
pub(super) mod client;
pub(super) mod credentials;
mod deadline_body;
pub(super) mod deployments;
mod pool;
mod proxy;
