//! Counts the requests that each caller has in flight.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher as _;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::identity::Caller;

const SHARDS: usize = 16;

/// The seed is random, so that callers cannot choose to share an entry.
static HASHING: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The counts by a hash of the caller.
type Counts = HashMap<u64, usize, foldhash::fast::RandomState>;

/// Counts by caller. Only a caller with a request in flight has an entry, so there are never more entries than
/// requests.
#[derive(Debug, Default)]
pub(super) struct CallerCounters {
    shards: [Mutex<Counts>; SHARDS],
}

impl CallerCounters {
    /// Adds a request of the caller, if its count is below `limit`.
    pub(in crate::gateway) fn take_one(
        self: &Arc<Self>,
        caller: &Caller,
        limit: usize,
    ) -> Option<CallerGuard> {
        let key = *caller.hash.get_or_init(|| hash(caller));
        let mut shard = self.shard(key)?;
        match shard.entry(key) {
            Entry::Occupied(entry) if *entry.get() >= limit => return None,
            Entry::Occupied(mut entry) => *entry.get_mut() += 1,
            Entry::Vacant(_) if limit == 0 => return None,
            Entry::Vacant(entry) => drop(entry.insert(1)),
        }
        drop(shard);
        Some(CallerGuard { callers: Arc::clone(self), key })
    }

    fn shard(&self, key: u64) -> Option<MutexGuard<'_, Counts>> {
        let shard = self.shards.get(usize::try_from(key % SHARDS as u64).ok()?)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn hash(caller: &Caller) -> u64 {
    let name = caller.subject.as_deref().or(caller.user_id.as_deref());
    HASHING.hash_one((caller.membership.master_key, caller.membership.issuer.as_deref(), name))
}

/// A request of a caller, until it is dropped.
#[derive(Debug)]
pub(in crate::gateway) struct CallerGuard {
    callers: Arc<CallerCounters>,
    key: u64,
}

impl Drop for CallerGuard {
    fn drop(&mut self) {
        let Some(mut shard) = self.callers.shard(self.key) else { return };
        if let Entry::Occupied(mut entry) = shard.entry(self.key) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::VerifiedClaims;
    use crate::config::Config;

    fn caller(claims: &str) -> Caller {
        let yaml = "general_settings: {enable_jwt_auth: true, litellm_jwtauth: {user_id_jwt_field: uid}}";
        let config = Config::parse("c.yaml", yaml, ".".as_ref(), &|_| None).unwrap();
        let claims = serde_json::from_str(claims).unwrap();
        Caller::identify(&VerifiedClaims::dangerous_trust(claims), config.jwt.as_ref())
    }

    #[test]
    fn each_caller_has_its_own_limit() {
        let callers = Arc::new(CallerCounters::default());
        let ada = caller(r#"{"iss": "a", "sub": "ada"}"#);
        let first = callers.take_one(&ada, 1);
        assert!(first.is_some() && callers.take_one(&ada, 1).is_none());
        let others =
            [r#"{"iss": "b", "sub": "ada"}"#, r#"{"iss": "a", "sub": "bo"}"#, r#"{"iss": "a", "uid": "cy"}"#];
        let others: Vec<_> = others.into_iter().map(caller).chain([Caller::master_key()]).collect();
        let taken: Vec<_> = others.iter().map(|other| callers.take_one(other, 1)).collect();
        assert!(taken.iter().all(Option::is_some));
        drop(first);
        assert!(callers.take_one(&ada, 1).is_some());
    }

    #[test]
    fn a_caller_without_requests_has_no_entry() {
        let callers = Arc::new(CallerCounters::default());
        let ada = caller(r#"{"sub": "ada"}"#);
        let entries = || callers.shards.iter().map(|shard| shard.lock().unwrap().len()).sum::<usize>();
        let (one, other) = (callers.take_one(&ada, 2), callers.take_one(&ada, 2));
        assert_eq!(entries(), 1);
        drop(one);
        assert_eq!(entries(), 1);
        drop(other);
        assert_eq!(entries(), 0);
    }
}
