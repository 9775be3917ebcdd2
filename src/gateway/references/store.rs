//! Stores which caller created an id and with which models, in bounded memory.

use std::borrow::Cow;
use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::owner::Owner;
use super::parts::PartStore;
use super::scanner::LONGEST_ID;
use crate::names::ModelName;

/// The share of the store that one caller may fill. Beyond it, the caller's own oldest ids are dropped.
const SHARE: usize = 8;

/// The stored facts about an id.
#[derive(Clone, Debug)]
struct Known {
    owner: Owner,
    models: Arc<[ModelName]>,
    until: Instant,
}

/// The ids that were created through this gateway.
#[derive(Debug, Default)]
pub(in crate::gateway) struct ReferenceStore {
    pub(super) parts: PartStore,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    known: HashMap<Box<str>, Known>,
    /// The ids of each owner, oldest first. It may contain ids that were already dropped.
    by_owner: HashMap<Owner, VecDeque<Box<str>>>,
    /// The same for all owners together.
    order: VecDeque<Box<str>>,
}

/// The stored facts about an id, from the view of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Lookup {
    /// The id is not stored.
    Unknown,
    /// Another caller created it.
    Foreign,
    /// The caller created it with these models.
    Own(Arc<[ModelName]>),
}

impl ReferenceStore {
    /// Looks up an id for `owner`.
    pub(in crate::gateway) fn lookup(&self, id: &str, owner: Option<Owner>) -> Lookup {
        let id = Key::of(id);
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        match state.known.get(id.as_str()).filter(|known| Instant::now() < known.until) {
            None => Lookup::Unknown,
            Some(known) if Some(known.owner) == owner => Lookup::Own(Arc::clone(&known.models)),
            Some(_) => Lookup::Foreign,
        }
    }

    /// Stores the creator of an id for `ttl`. An id of another caller keeps its owner.
    pub(in crate::gateway) fn remember(
        &self,
        id: &str,
        owner: Owner,
        models: &Arc<[ModelName]>,
        capacity: usize,
        ttl: Duration,
    ) {
        let id = Key::of(id);
        let id = id.as_str();
        let now = Instant::now();
        let known = Known { owner, models: Arc::clone(models), until: now + ttl };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = state.known.get_mut(id) {
            if earlier.owner != owner && now < earlier.until {
                return;
            }
            if earlier.owner == owner {
                // An updated object may run the models of both requests. An object without known models stays
                // without, because a response about it does not list its models.
                earlier.until = known.until;
                if !earlier.models.is_empty()
                    && known.models.iter().any(|model| !earlier.models.contains(model))
                {
                    let new = known.models.iter().filter(|model| !earlier.models.contains(model));
                    earlier.models = earlier.models.iter().chain(new).cloned().collect();
                }
                return;
            }
            state.forget(id);
        }
        state.make_room(owner, capacity, now);
        state.by_owner.entry(owner).or_default().push_back(id.into());
        state.order.push_back(id.into());
        state.known.insert(id.into(), known);
    }

    /// The number of stored ids.
    pub(in crate::gateway) fn len(&self) -> usize {
        self.state.read().unwrap_or_else(PoisonError::into_inner).known.len()
    }
}

impl State {
    fn make_room(&mut self, owner: Owner, capacity: usize, now: Instant) {
        while self.order.front().is_some_and(|id| self.known.get(id).is_none_or(|known| known.until <= now)) {
            self.forget_oldest();
        }
        let share = (capacity / SHARE).max(1);
        if self.by_owner.get(&owner).is_some_and(|own| own.len() >= share)
            && let Some(oldest) = self.by_owner.get(&owner).and_then(|own| own.front()).cloned()
        {
            self.forget(&oldest);
        }
        while self.known.len() >= capacity && !self.order.is_empty() {
            self.forget_oldest();
        }
        // The order still contains ids that were dropped because of their owner's share.
        if self.order.len() > capacity.saturating_mul(2) {
            let known = &self.known;
            self.order.retain(|id| known.contains_key(id));
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, id: &str) {
        let Some(known) = self.known.remove(id) else { return };
        if let Place::Occupied(mut own) = self.by_owner.entry(known.owner) {
            own.get_mut().retain(|other| **other != *id);
            if own.get().is_empty() {
                own.remove();
            }
        }
    }
}

/// The key of an id. It is in lower case, because some upstreams compare ids without regard to case.
struct Key<'i>(Cow<'i, str>);

impl<'i> Key<'i> {
    fn of(id: &'i str) -> Self {
        // Google's ids are paths. Their last two segments are the type and the id.
        let mut slashes = id.rmatch_indices('/');
        let end = match (slashes.next(), slashes.next()) {
            (Some(_), Some((at, _))) => id.get(at + 1..).unwrap_or(id),
            _ => id,
        };
        // An id that nobody could have remembered needs no copy.
        let is_upper = end.len() <= LONGEST_ID && end.bytes().any(|byte| byte.is_ascii_uppercase());
        Self(if is_upper { Cow::Owned(end.to_ascii_lowercase()) } else { Cow::Borrowed(end) })
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn models(names: &[&str]) -> Arc<[ModelName]> {
        names.iter().map(|name| ModelName::new(name).unwrap()).collect()
    }

    #[test]
    fn an_id_belongs_to_the_caller_who_created_it_first() {
        let store = ReferenceStore::default();
        store.remember("resp_1", Owner(1), &models(&["a"]), 8, DAY);
        store.remember("resp_1", Owner(2), &models(&["b"]), 8, DAY);
        assert_eq!(store.lookup("resp_1", Some(Owner(1))), Lookup::Own(models(&["a"])));
        assert_eq!(store.lookup("resp_1", Some(Owner(2))), Lookup::Foreign);
        assert_eq!(store.lookup("resp_1", None), Lookup::Foreign);
        assert_eq!(store.lookup("resp_2", Some(Owner(1))), Lookup::Unknown);
    }

    #[test]
    fn an_update_adds_models_and_gives_none_to_what_has_none() {
        let store = ReferenceStore::default();
        store.remember("asst_1", Owner(1), &models(&["a"]), 8, DAY);
        store.remember("asst_1", Owner(1), &models(&["b", "a"]), 8, DAY);
        assert_eq!(store.lookup("asst_1", Some(Owner(1))), Lookup::Own(models(&["a", "b"])));
        store.remember("file-1", Owner(1), &models(&[]), 8, DAY);
        store.remember("file-1", Owner(1), &models(&["a"]), 8, DAY);
        assert_eq!(store.lookup("file-1", Some(Owner(1))), Lookup::Own(models(&[])));
    }

    #[test]
    fn an_id_that_is_a_path_is_known_by_its_end() {
        let store = ReferenceStore::default();
        store.remember("projects/p/cachedContents/1", Owner(1), &models(&["a"]), 8, DAY);
        assert_eq!(store.lookup("cachedContents/1", Some(Owner(2))), Lookup::Foreign);
        assert_eq!(store.lookup("files/1", Some(Owner(2))), Lookup::Unknown);
    }

    #[test]
    fn an_id_is_the_same_in_any_case() {
        let store = ReferenceStore::default();
        store.remember("file-AbC", Owner(1), &models(&[]), 8, DAY);
        assert_eq!(store.lookup("FILE-abc", Some(Owner(2))), Lookup::Foreign);
        assert_eq!(store.lookup("file-AbC", Some(Owner(1))), Lookup::Own(models(&[])));
    }

    #[test]
    fn the_memory_is_bounded_and_a_flood_pushes_out_its_own() {
        let store = ReferenceStore::default();
        store.remember("first", Owner(1), &models(&[]), 80, DAY);
        for n in 0..1_000 {
            store.remember(&format!("id-{n}"), Owner(2), &models(&[]), 80, DAY);
        }
        assert_eq!(store.len(), 11);
        assert_eq!(store.lookup("first", Some(Owner(2))), Lookup::Foreign);
        assert_eq!(store.lookup("id-999", Some(Owner(1))), Lookup::Foreign);
        for n in 0..1_000 {
            store.remember(&format!("other-{n}"), Owner(n), &models(&[]), 80, DAY);
        }
        assert_eq!(store.len(), 80);
        assert_eq!(store.lookup("first", Some(Owner(2))), Lookup::Unknown);
        assert!(store.state.read().unwrap().order.len() <= 160);
    }

    #[test]
    fn an_id_is_forgotten_in_time() {
        let store = ReferenceStore::default();
        store.remember("old", Owner(1), &models(&["a"]), 8, Duration::ZERO);
        assert_eq!(store.lookup("old", Some(Owner(1))), Lookup::Unknown);
        store.remember("old", Owner(2), &models(&["b"]), 8, DAY);
        assert_eq!(store.lookup("old", Some(Owner(2))), Lookup::Own(models(&["b"])));
        store.remember("older", Owner(1), &models(&[]), 8, Duration::ZERO);
        store.remember("new", Owner(1), &models(&[]), 8, DAY);
        assert_eq!(store.lookup("older", Some(Owner(1))), Lookup::Unknown);
    }
}
