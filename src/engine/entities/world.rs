//! What is known of entities before a request comes.

use super::candidates::NamedLists;
use super::names::Names;
use crate::engine::policy::dropped::Dropped;
use crate::engine::policy::reads::Reads;
use crate::engine::teams::TeamDirectory;
use crate::translate::Lists;

/// What the configuration and operators' files say of entities, and what policies read of them.
#[derive(Debug)]
pub(in crate::engine) struct World {
    pub(in crate::engine) names: Names,
    pub(in crate::engine) lists: Lists,
    /// The lists that dropped-in files name.
    pub(in crate::engine) named_lists: NamedLists,
    pub(in crate::engine) teams: TeamDirectory,
    pub(in crate::engine) dropped: Dropped,
    pub(in crate::engine) reads: Reads,
    /// Whether it is told apart by which method a route is called.
    pub(in crate::engine) reads_method: bool,
}
