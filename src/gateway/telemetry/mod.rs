//! What the gateway tells of itself and of requests: metrics, traces and the lines of the decision log.
//!
//! In comes each step of a request, through [`Observation`], and each limit that something ran into. Out go Prometheus'
//! text, spans for an OTLP collector and lines for the decision log. Nothing here can delay or change a request.

mod export;
mod families;
mod metrics;
mod observation;
mod observed_body;
mod observers;
mod policies;
mod process;
mod scrape;
mod spans;
mod traces;

pub use families::MetricFamily;
pub use metrics::{Metrics, Stage};
pub(super) use observation::Observation;
pub(super) use observed_body::ObservedBody;
pub use observers::Observers;
pub use traces::{Traces, TracesError};
