//! The owner of an id.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::LazyLock;

use crate::identity::Caller;

/// Keyed with random values, so that nobody can construct a collision with another caller.
static HASHING: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A caller, identified by a hash of its issuer and subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::gateway) struct Owner(pub(super) u64);

impl Owner {
    /// The owner of the objects that a caller creates. `None` if the token has no subject.
    pub(in crate::gateway) fn of(caller: &Caller) -> Option<Self> {
        let name = caller
            .subject
            .as_deref()
            .or(caller.user_id.as_deref())
            .or(caller.membership.client_id.as_deref());
        (caller.membership.master_key || name.is_some()).then(|| {
            Self(HASHING.hash_one((caller.membership.master_key, caller.membership.issuer.as_deref(), name)))
        })
    }
}
