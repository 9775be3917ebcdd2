//! Starts the decision log and the traces of `serve`.

use crate::decision_log::DecisionLog;
use crate::gateway::{Gateway, Traces};

/// Starts the observers that the configuration and the environment enable. Must be called in a runtime.
pub(super) fn observe(gateway: &Gateway) -> miette::Result<()> {
    let generation = gateway.active();
    if let Some(settings) = &generation.snapshot().config().gateway.decision_log {
        gateway.observers().log_to(DecisionLog::start(settings).map_err(super::failed)?);
    }
    if let Some(traces) = Traces::from_environment().map_err(super::failed)? {
        gateway.observers().trace_to(traces);
        tracing::info!("traces are sent by OTLP");
    }
    Ok(())
}
