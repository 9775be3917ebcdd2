//! Detects cycles that operators' files form with the configuration. Cedar cannot evaluate an entity that is its own
//! ancestor.

use std::collections::HashSet;

use cedar_policy::EntityUid;

use super::candidates::Candidates;
use super::names::uid;
use super::world::World;
use crate::dropins::{DropInError, Finding};

impl World {
    /// Refuses entity files that make an entity its own ancestor, together with the configuration and with possible
    /// tokens.
    pub(in crate::engine) fn check_circles(&self) -> Result<(), Box<DropInError>> {
        let statics = &self.drop_ins.statics;
        if statics.is_empty() {
            return Ok(());
        }
        let lists = Candidates::all(&self.lists);
        // The configuration and tokens never make an entity a member of a model, a route or a caller.
        let names = &self.names;
        let is_placed_by_files_alone =
            |uid: &EntityUid| [&names.model, &names.route, &names.caller].contains(&uid.type_name());
        let parents_in_files: HashSet<&EntityUid> =
            statics.described().flat_map(|uid| statics.ancestors(uid)).collect();
        let described = statics.described();
        let mut described: Vec<&EntityUid> = described
            .filter(|uid| parents_in_files.contains(uid) || !is_placed_by_files_alone(uid))
            .collect();
        described.sort();
        let findings: Vec<Finding> =
            described.into_iter().filter_map(|uid| self.circle_at(uid, &lists)).collect();
        DropInError::unless_empty(findings)
    }

    fn circle_at(&self, of: &EntityUid, lists: &Candidates<'_>) -> Option<Finding> {
        let described = self.drop_ins.statics.get(of)?;
        let above = self.above(of, lists);
        let message = if above.contains(of) {
            format!("`{of}` would be in itself, by this file and the configuration")
        } else {
            let caller = above.iter().filter(|uid| *uid.type_name() == self.names.caller).min()?;
            if !self.holds_callers(of) {
                return None;
            }
            format!("`{of}` is in `{caller}`, which would be in itself if its token names `{of}`")
        };
        Some(described.finding(&message).help("remove one of its parents from the file"))
    }

    /// Whether a token can make its caller a member of the entity: a role, a team, or an ancestor of those.
    fn holds_callers(&self, of: &EntityUid) -> bool {
        let names = &self.names;
        if [&names.role, &names.token_role, &names.team, &names.refusal].contains(&of.type_name()) {
            return true;
        }
        let teams = self.lists.teams.keys().map(|team| names.team_uid(team));
        let roles = self.lists.token_roles.keys().map(|role| uid(&names.token_role, role));
        let above: HashSet<EntityUid> = self.with_above(teams.chain(roles), &Candidates::default());
        above.contains(of)
    }
}
