//! The outcomes of the selection of a team.

use crate::rules::Rule;

/// The conditions of each outcome of the selection.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// No team is selected, and none is needed.
    pub(super) none: String,
    /// Each known team.
    pub(super) teams: Vec<(String, String)>,
    /// A team that nothing names.
    pub(super) other: String,
    pub(super) refusals: Vec<(Rule, String)>,
}
