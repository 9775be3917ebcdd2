//! The gateway: everything that waits for the network.
//!
//! In come requests, at `listener`. `pipeline` has the steps of each on one screen: it is authenticated (`auth`), read
//! (`http`), judged by one generation of the rules (`loading`, `reload`) and sent on (`upstream`). Out go the upstream's
//! answers, or refusals, and what `telemetry` tells of both. Everything is bounded by `limits`.

mod admin;
mod auth;
mod clock;
mod cors;
mod error_chain;
mod forwarding;
mod http;
#[doc(hidden)]
pub mod internal;
mod judged;
mod judging;
mod limits;
mod listener;
mod loading;
mod model_list;
mod outgoing;
mod pipeline;
mod probe;
mod reload;
mod target;
mod telemetry;
mod tls;
mod upstream;

pub use admin::Admin;
pub use auth::jwks as keys;
pub use auth::verifier::TokenVerifier;
#[doc(hidden)]
pub use forwarding::forward_everything;
pub use listener::server::{Server, ServerError};
pub use loading::generation::InForce;
pub use loading::loader::CandidateError;
pub use loading::origin::Origin;
pub use pipeline::Gateway;
pub use reload::bundle::{BundleError, BundleVersion, Mirror, remote};
pub use reload::reloader::{Failure, Outcome, Reloader, Status, Trial, Variables};
pub use telemetry::{MetricFamily, Metrics, Observers, Stage, Traces, TracesError};
