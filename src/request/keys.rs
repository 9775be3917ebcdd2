//! The keys that count, and how one is found among them.

/// Keys and what they are for, by their lengths.
pub(super) struct Keys<T: 'static, const N: usize> {
    entries: [(&'static str, T); N],
    /// Which of the entries have a key of so many bytes, as bits.
    by_length: [u32; MAX_LENGTH],
}

/// No key is as long.
const MAX_LENGTH: usize = 32;

impl<T: Copy, const N: usize> Keys<T, N> {
    /// Keys of which no two differ by their case alone.
    #[expect(
        clippy::indexing_slicing,
        reason = "the compiler evaluates it, and stops at a key that is too long"
    )]
    pub(super) const fn new(entries: [(&'static str, T); N]) -> Self {
        let mut by_length = [0; MAX_LENGTH];
        let mut at = 0;
        while at < N {
            by_length[entries[at].0.len()] |= 1 << at;
            at += 1;
        }
        Self { entries, by_length }
    }

    pub(super) const fn len(&self) -> usize {
        N
    }

    /// Every key, in the order in which they were given.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(&'static str, T)> {
        self.entries.iter()
    }

    /// The entry with this key, and which one it is.
    #[inline]
    pub(super) fn get(&self, key: &str) -> Option<(usize, &'static str, T)> {
        self.find(key.len(), |known| known == key)
    }

    /// The same in any case.
    pub(super) fn get_in_any_case(&self, key: &str) -> Option<(usize, &'static str, T)> {
        self.find(key.len(), |known| known.eq_ignore_ascii_case(key))
    }

    #[inline]
    fn find(&self, length: usize, is_it: impl Fn(&str) -> bool) -> Option<(usize, &'static str, T)> {
        let mut candidates = self.by_length.get(length).copied().unwrap_or_default();
        while candidates != 0 {
            let at = candidates.trailing_zeros() as usize;
            if let Some((key, value)) = self.entries.get(at)
                && is_it(key)
            {
                return Some((at, *key, *value));
            }
            candidates &= candidates - 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static KEYS: Keys<u8, 4> = Keys::new([("a", 1), ("bc", 2), ("", 3), ("de", 4)]);

    #[test]
    fn each_key_is_found_and_nothing_else() {
        for (at, (name, value)) in KEYS.iter().enumerate() {
            assert_eq!(KEYS.get(name), Some((at, *name, *value)));
        }
        for name in ["b", "abc", "BC", &"a".repeat(32), &"a".repeat(64)] {
            assert_eq!(KEYS.get(name), None, "{name}");
        }
    }

    #[test]
    fn case_counts_where_it_is_said_to() {
        assert_eq!(KEYS.get("dE"), None);
        assert_eq!(KEYS.get_in_any_case("dE"), Some((3, "de", 4)));
        assert_eq!(KEYS.get_in_any_case("df"), None);
    }
}
