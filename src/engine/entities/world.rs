//! The knowledge about entities that does not depend on a request.

use super::candidates::NamedLists;
use super::names::Names;
use crate::engine::policy::drop_ins::ValidatedDropIns;
use crate::engine::policy::reads::Reads;
use crate::engine::teams::TeamDirectory;
use crate::translate::Lists;

/// The entities of the configuration and of operators' files, and the names that policies read.
#[derive(Debug)]
pub(in crate::engine) struct World {
    pub(in crate::engine) names: Names,
    pub(in crate::engine) lists: Lists,
    /// The lists that dropped-in files name.
    pub(in crate::engine) named_lists: NamedLists,
    pub(in crate::engine) teams: TeamDirectory,
    pub(in crate::engine) drop_ins: ValidatedDropIns,
    pub(in crate::engine) reads: Reads,
    /// Whether a policy reads the method of a request.
    pub(in crate::engine) reads_method: bool,
}
