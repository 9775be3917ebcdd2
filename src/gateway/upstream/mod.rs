//! The upstreams' side of the network: which deployment serves a request, and the connections to it.
//!
//! In comes a `Permit` with the request that it was given for. Out goes that request to one deployment, and back comes its
//! answer with a deadline. Where it goes follows from the configuration, the permit, and the health of deployments that share
//! a name.

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
