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

    /// What the key is for, and which one of all it is.
    #[inline]
    pub(super) fn get(&self, key: &str) -> Option<(usize, T)> {
        // The first letter alone nearly always tells.
        let first = key.as_bytes().first();
        self.find(key.len(), |known| known.as_bytes().first() == first && known == key)
            .map(|(at, (_, value))| (at, *value))
    }

    /// The key that is the same in any case.
    pub(super) fn in_any_case(&self, key: &str) -> Option<&'static str> {
        self.find(key.len(), |known| known.eq_ignore_ascii_case(key)).map(|(_, (known, _))| *known)
    }

    #[inline]
    fn find(&self, length: usize, is_it: impl Fn(&str) -> bool) -> Option<(usize, &(&'static str, T))> {
        let mut candidates = self.by_length.get(length).copied().unwrap_or_default();
        while candidates != 0 {
            let at = candidates.trailing_zeros() as usize;
            if let Some(entry) = self.entries.get(at).filter(|(key, _)| is_it(key)) {
                return Some((at, entry));
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
            assert_eq!(KEYS.get(name), Some((at, *value)));
        }
        for name in ["b", "abc", "BC", &"a".repeat(32), &"a".repeat(64)] {
            assert_eq!(KEYS.get(name), None, "{name}");
        }
    }

    #[test]
    fn case_counts_where_it_is_said_to() {
        assert_eq!(KEYS.get("dE"), None);
        assert_eq!(KEYS.in_any_case("dE"), Some("de"));
        assert_eq!(KEYS.in_any_case("df"), None);
    }
}
