//! Metrics, traces and decision log lines.
//!
//! Input: each step of a request, through [`Observation`], and each limit that was reached. Output: Prometheus' text
//! format, spans for an OTLP collector, and lines for the decision log. Telemetry never delays or changes a request.

mod export;
mod families;
mod metrics;
mod observation;
mod observed_body;
mod observers;
mod policies;
mod process;
mod recent;
mod scrape;
mod spans;
mod traces;

pub use families::MetricFamily;
#[cfg(feature = "cli")]
pub(crate) use metrics::Totals;
pub use metrics::{Metrics, Stage};
pub(super) use observation::Observation;
pub(super) use observed_body::ObservedBody;
pub use observers::{Observers, ObserversError};
pub(crate) use recent::{RATE, RecentDecisions, Recorded};
pub(super) use scrape::DeploymentSample;
pub use traces::{Traces, TracesError};
