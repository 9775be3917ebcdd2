//! The gateway: everything that waits for the network.
//!
//! `pipeline` has the steps of a request on one screen; `respond` alone turns failures into statuses.

mod admin;
mod body;
mod deployments;
mod forward;
mod headers;
pub mod keys;
mod models;
mod observe;
mod opaque;
mod pipeline;
mod respond;
mod server;
mod verifier;

pub use admin::Admin;
pub use observe::{Metrics, Observers, Stage, Traces, TracesError};
pub use pipeline::Gateway;
pub use server::{Server, ServerError};
pub use verifier::TokenVerifier;
