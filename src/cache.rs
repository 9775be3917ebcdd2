//! A cache of fixed size that is read without locks.
//!
//! Callers may choose the keys. So the cache never grows, and its hash has a random seed, which makes the slots
//! unpredictable. An entry is found by its whole key, never by the hash alone. In the worst case a value is computed
//! again.

use std::fmt;
use std::hash::{BuildHasher as _, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use foldhash::quality::RandomState;

/// Entries that share a slot.
const WAYS: usize = 2;

type Place<K, V> = [ArcSwapOption<Entry<K, V>>; WAYS];

/// A cache of computed values.
///
/// Entries are never changed. Newer entries replace older ones.
pub(crate) struct Cache<K, V> {
    /// The newest entry of each slot comes first.
    places: Box<[Place<K, V>]>,
    hashing: RandomState,
}

/// A value and its key.
struct Entry<K, V> {
    hash: u64,
    key: K,
    value: V,
}

/// A part of many keys, which is hashed once for all of them. Comparisons still use the whole part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hashed<T> {
    hash: u64,
    part: T,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// A cache for at least `entries` entries. An empty slot takes one word.
    pub(crate) fn with_capacity(entries: usize) -> Self {
        let places = entries.div_ceil(WAYS).next_power_of_two();
        Self {
            places: (0..places).map(|_| std::array::from_fn(|_| ArcSwapOption::empty())).collect(),
            hashing: RandomState::default(),
        }
    }

    /// Returns the result of `read` for the entry whose key `is_asked_for` accepts.
    ///
    /// `query` must hash like that key. It may be another type, which borrows what the key owns.
    pub(crate) fn get<Q: Hash + ?Sized, R>(
        &self,
        query: &Q,
        is_asked_for: impl Fn(&K) -> bool,
        read: impl FnOnce(&K, &V) -> R,
    ) -> Option<R> {
        let hash = self.hashing.hash_one(query);
        for way in self.place(hash)? {
            let entry = way.load();
            if let Some(entry) = entry.as_ref().filter(|entry| entry.hash == hash && is_asked_for(&entry.key))
            {
                return Some(read(&entry.key, &entry.value));
            }
        }
        None
    }

    /// Makes a key part for this cache only.
    pub(crate) fn hashed<T: Hash>(&self, part: T) -> Hashed<T> {
        Hashed { hash: self.hashing.hash_one(&part), part }
    }

    /// Stores a value until newer ones replace it.
    pub(crate) fn insert(&self, key: K, value: V) {
        let hash = self.hashing.hash_one(&key);
        let entry = Arc::new(Entry { hash, key, value });
        if let Some([newest, older]) = self.place(hash) {
            let known = newest.load_full();
            let is_same = known.as_ref().is_some_and(|known| known.hash == hash && known.key == entry.key);
            // Two concurrent inserts may drop one entry too many. The value is then computed again.
            if !is_same && known.is_some() {
                older.store(known);
            }
            newest.store(Some(entry));
        }
    }

    fn place(&self, hash: u64) -> Option<&Place<K, V>> {
        // The number of slots is a power of two.
        let last = self.places.len().checked_sub(1)?;
        self.places.get(usize::try_from(hash & u64::try_from(last).ok()?).ok()?)
    }
}

impl<T> Deref for Hashed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.part
    }
}

impl<T> Hash for Hashed<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Keys and values are not printed.
impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("places", &self.places.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    fn get(cache: &Cache<String, usize>, key: &str) -> Option<usize> {
        cache.get(key, |known| known == key, |_, value| *value)
    }

    #[test]
    fn what_was_kept_is_found_by_its_key_alone() {
        let cache = Cache::with_capacity(8);
        cache.insert("a".to_owned(), 1);
        assert_eq!((get(&cache, "a"), get(&cache, "b")), (Some(1), None));
    }

    #[test]
    fn a_hash_alone_finds_nothing() {
        /// Every key has the same hash.
        #[derive(PartialEq, Eq)]
        struct Colliding(u8);
        impl Hash for Colliding {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                state.write_u8(0);
            }
        }
        let cache = Cache::with_capacity(64);
        cache.insert(Colliding(1), "one");
        cache.insert(Colliding(2), "two");
        let get = |n| cache.get(&Colliding(n), |known| known.0 == n, |_, value| *value);
        assert_eq!((get(1), get(2), get(3)), (Some("one"), Some("two"), None));
        cache.insert(Colliding(3), "three");
        assert_eq!((get(1), get(2), get(3)), (None, Some("two"), Some("three")));
    }

    #[test]
    fn a_value_replaces_the_one_of_the_same_key_and_no_other() {
        let cache = Cache::with_capacity(1);
        for (key, value) in [("a", 1), ("b", 2), ("b", 3), ("b", 4)] {
            cache.insert(key.to_owned(), value);
        }
        assert_eq!((get(&cache, "a"), get(&cache, "b")), (Some(1), Some(4)));
    }

    #[test]
    fn it_never_holds_more_than_it_has_places_for() {
        let cache = Cache::with_capacity(10);
        (0..1_000).for_each(|n| cache.insert(n.to_string(), n));
        let kept = (0..1_000).filter(|n| get(&cache, &n.to_string()).is_some()).count();
        assert!((1..=16).contains(&kept), "{kept}");
        assert_eq!(get(&cache, "999"), Some(999));
    }

    #[test]
    fn threads_that_read_and_write_at_once_never_see_the_value_of_another_key() {
        let cache = Cache::with_capacity(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in (0..5_000).map(|n| n % 12) {
                        let found = get(&cache, &n.to_string());
                        assert!(found.is_none_or(|value| value == n), "{n}: {found:?}");
                        cache.insert(n.to_string(), n);
                    }
                });
            }
        });
    }

    proptest! {
        #[test]
        fn it_answers_with_the_last_value_or_not_at_all(inserts in proptest::collection::vec((0..20_u8, 0..100_usize), 0..60)) {
            let cache = Cache::with_capacity(16);
            let mut last = std::collections::HashMap::new();
            for (key, value) in inserts {
                cache.insert(key.to_string(), value);
                last.insert(key, value);
                for (key, value) in &last {
                    let found = get(&cache, &key.to_string());
                    prop_assert!(found.is_none_or(|found| found == *value), "{}: {:?}, not {}", key, found, value);
                }
            }
        }
    }
}
