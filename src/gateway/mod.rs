//! The gateway: all code that uses the network.
//!
//! Input: requests, at `listener`. `pipeline` lists the steps of each: it is authenticated (`auth`), read (`http`),
//! decided by one generation of the rules (`loading`, `reload`) and forwarded (`upstream`). Output: the upstream's
//! responses, or refusals, and their `telemetry`. `limits` restricts every resource.

pub(crate) mod admin;
mod auth;
mod clock;
mod cors;
pub(crate) mod doors;
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
mod references;
mod reload;
mod target;
pub(crate) mod telemetry;
mod tls;
mod upstream;
mod websocket;

pub use admin::{Admin, AdminError};
#[doc(hidden)]
pub use auth::jwks as keys;
pub use auth::verifier::TokenVerifier;
pub use doors::{
    Authorized, Authorizer, AuthzRequest, AuthzenServer, ExtAuthzServer, ForwardAuthServer, Rejected,
    StartError,
};
#[doc(hidden)]
pub use forwarding::forward_everything;
pub use listener::server::{Server, ServerError};
pub use loading::error::ActivationError;
pub use loading::generation::Generation;
pub use loading::loader::ActivationCheck;
pub use loading::origin::Origin;
pub use pipeline::Gateway;
pub use reload::bundle::{BundleError, BundleVersion, Mirror};
pub use reload::reloader::Reloader;
pub use telemetry::{MetricFamily, Metrics, Observers, ObserversError, Stage, Traces, TracesError};

pub use crate::reload::{Failure, Outcome, Status, Variables};
