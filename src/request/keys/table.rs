//! Tables of keys, and how one is found among them.

/// Keys with a value each, sorted by their lengths when the crate is compiled.
pub(in crate::request) struct Keys<T: 'static, const N: usize> {
    entries: [(&'static str, T); N],
    /// For each length: where its entries begin.
    starts: [u8; MAX_LENGTH + 1],
}

/// Every key is shorter.
const MAX_LENGTH: usize = 40;

impl<T: Copy, const N: usize> Keys<T, N> {
    /// Keys of which no two differ by their case alone.
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "the compiler evaluates it, and stops at a key that is too long"
    )]
    pub(in crate::request) const fn new(mut entries: [(&'static str, T); N]) -> Self {
        let mut at = 1;
        while at < N {
            let mut to = at;
            while to > 0 && entries[to - 1].0.len() > entries[to].0.len() {
                let moved = entries[to];
                entries[to] = entries[to - 1];
                entries[to - 1] = moved;
                to -= 1;
            }
            at += 1;
        }
        assert!(N < 256 && (N == 0 || entries[N - 1].0.len() < MAX_LENGTH), "a table of keys is too large");
        let (mut starts, mut length, mut at) = ([0; MAX_LENGTH + 1], 0, 0);
        while length <= MAX_LENGTH {
            while at < N && entries[at].0.len() < length {
                at += 1;
            }
            starts[length] = at as u8;
            length += 1;
        }
        Self { entries, starts }
    }

    /// Every entry, shorter keys first.
    pub(in crate::request) fn iter(&self) -> impl Iterator<Item = &(&'static str, T)> {
        self.entries.iter()
    }

    /// The entry of the key, with its number among all.
    #[inline]
    pub(in crate::request) fn get(&self, key: &str) -> Option<(usize, &'static str, T)> {
        // The first letter alone nearly always tells.
        let first = key.as_bytes().first();
        self.find(key.len(), |known| known.as_bytes().first() == first && known == key)
            .map(|(at, (known, value))| (at, *known, *value))
    }

    /// The entry of the key that is the same in any case, and whether it is written in the same.
    #[inline]
    pub(in crate::request) fn in_any_case(&self, key: &str) -> Option<(&'static str, T, bool)> {
        let first = key.as_bytes().first().map(u8::to_ascii_lowercase);
        let is_it = |known: &str| {
            known.as_bytes().first().map(u8::to_ascii_lowercase) == first && known.eq_ignore_ascii_case(key)
        };
        self.find(key.len(), is_it).map(|(_, (known, value))| (*known, *value, *known == key))
    }

    #[inline]
    fn find(&self, length: usize, is_it: impl Fn(&str) -> bool) -> Option<(usize, &(&'static str, T))> {
        let start = usize::from(*self.starts.get(length)?);
        let end = usize::from(*self.starts.get(length + 1)?);
        let at = self.entries.get(start..end)?.iter().position(|(key, _)| is_it(key))?;
        Some((start + at, self.entries.get(start + at)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static KEYS: Keys<u8, 5> = Keys::new([("bc", 2), ("a", 1), ("", 3), ("de", 4), ("f", 5)]);

    #[test]
    fn each_key_is_found_and_nothing_else() {
        for (at, (name, value)) in KEYS.iter().enumerate() {
            assert_eq!(KEYS.get(name), Some((at, *name, *value)));
        }
        for name in ["b", "abc", "BC", "A", &"a".repeat(39), &"a".repeat(40), &"a".repeat(64)] {
            assert_eq!(KEYS.get(name), None, "{name}");
        }
    }

    #[test]
    fn case_counts_unless_it_is_said_otherwise() {
        assert_eq!(KEYS.get("dE"), None);
        assert_eq!(KEYS.in_any_case("dE"), Some(("de", 4, false)));
        assert_eq!(KEYS.in_any_case("de"), Some(("de", 4, true)));
        assert_eq!(KEYS.in_any_case("df"), None);
    }
}
