//! Whose an id is.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::LazyLock;

use crate::identity::Caller;

/// Random, so that nobody can choose to share a hash with somebody else.
static HASHING: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A caller, as a hash of its issuer and subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::gateway) struct Owner(pub(super) u64);

impl Owner {
    /// The owner of what a caller creates. `None` if the token does not say who calls.
    pub(in crate::gateway) fn of(caller: &Caller) -> Option<Self> {
        let name = caller.subject.as_deref().or(caller.user_id.as_deref()).or(caller.client_id.as_deref());
        (caller.master_key || name.is_some())
            .then(|| Self(HASHING.hash_one((caller.master_key, caller.issuer.as_deref(), name))))
    }
}
