//! The gateway: everything that waits for the network.
//!
//! `pipeline` has the steps of a request on one screen; `respond` alone turns failures into statuses.

mod accept;
mod activity;
mod address;
mod admin;
mod arrival;
mod body;
mod bounded;
mod callers;
mod candidate;
mod connection;
mod defaults;
mod deployments;
mod descriptors;
mod forward;
mod forwarding;
mod headers;
mod hush;
mod in_force;
#[doc(hidden)]
pub mod internal;
pub mod keys;
mod limit;
mod load;
mod meter;
mod models;
mod observe;
mod opaque;
mod pieces;
mod pipeline;
mod pool;
mod reload;
mod remote;
mod request_id;
mod respond;
mod server;
mod source;
mod streams;
mod tls;
mod trust;
mod verifier;
mod watch;

pub use admin::Admin;
pub use candidate::CandidateError;
#[doc(hidden)]
pub use forwarding::forward_everything;
pub use in_force::{InForce, Origin};
pub use observe::{Metrics, Observers, Stage, Traces, TracesError};
pub use pipeline::Gateway;
pub use reload::{Failure, Outcome, Reloader, Status, Trial, Variables};
pub use remote::{BundleError, Mirror, remote};
pub use server::{Server, ServerError};
pub use verifier::TokenVerifier;
