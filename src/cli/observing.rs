//! Who is told of requests while `serve` runs.

use crate::decision_log::DecisionLog;
use crate::gateway::Gateway;

/// Starts what the configuration asks for.
pub(super) fn observe(gateway: &Gateway) -> miette::Result<()> {
    let snapshot = gateway.engine().load();
    if let Some(settings) = &snapshot.config().gateway.decision_log {
        gateway.observers().log_to(DecisionLog::start(settings).map_err(super::failed)?);
    }
    Ok(())
}
