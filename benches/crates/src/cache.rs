//! The table of the cache of decisions.

#[path = "../../../src/cache.rs"]
#[expect(dead_code, reason = "the bench reads and inserts, and nothing else")]
mod ours;

use divan::{Bencher, black_box};

const ENTRIES: usize = 4096;
const THREADS: [usize; 2] = [1, 2];

/// A caller and a model, as in the key of a decision.
type Key = (u64, String);

fn keys() -> Vec<Key> {
    (0..ENTRIES as u64).map(|n| (n % 64, format!("provider/model-{n}"))).collect()
}

/// Looks the keys up in turn.
fn look_up(bencher: Bencher<'_, '_>, keys: &[Key], get: impl Fn(&Key) -> Option<u64> + Sync) {
    bencher.bench(|| keys.iter().step_by(64).filter_map(|key| get(black_box(key))).sum::<u64>());
}

#[divan::bench(threads = THREADS)]
fn ours_64_lookups(bencher: Bencher<'_, '_>) {
    let (keys, cache) = (keys(), ours::Cache::<Key, u64>::with_capacity(4 * ENTRIES));
    keys.iter().for_each(|key| cache.insert(key.clone(), key.0));
    look_up(bencher, &keys, |key| cache.get(key, |known| known == key, |_, value| *value));
}

#[divan::bench(threads = THREADS)]
fn quick_cache_64_lookups(bencher: Bencher<'_, '_>) {
    let (keys, cache) = (keys(), quick_cache::sync::Cache::<Key, u64>::new(4 * ENTRIES));
    keys.iter().for_each(|key| cache.insert(key.clone(), key.0));
    look_up(bencher, &keys, |key| cache.get(key));
}

#[divan::bench(threads = THREADS)]
fn moka_64_lookups(bencher: Bencher<'_, '_>) {
    let (keys, cache) = (keys(), moka::sync::Cache::<Key, u64>::new(4 * ENTRIES as u64));
    keys.iter().for_each(|key| cache.insert(key.clone(), key.0));
    look_up(bencher, &keys, |key| cache.get(key));
}
