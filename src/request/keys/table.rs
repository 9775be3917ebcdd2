//! Hash tables of keys.

/// Keys and their values, hashed at compile time.
pub(in crate::request) struct Keys<T: 'static, const N: usize> {
    entries: [(&'static str, T); N],
    /// For each slot: the index of its entry plus one, or zero if the slot is empty. If the slot of a key is taken, its
    /// entry is in the next free slot.
    slots: [u8; SLOTS],
}

/// More than twice the largest number of entries. There is always an empty slot, which ends a search, and the first
/// slot of an unknown key is usually empty.
const SLOTS: usize = 512;

impl<T: Copy, const N: usize> Keys<T, N> {
    /// No two of the keys may differ only in case.
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "the compiler evaluates it, and the number of entries is checked first"
    )]
    pub(in crate::request) const fn new(entries: [(&'static str, T); N]) -> Self {
        assert!(N < 256, "a table of keys is too large");
        let (mut slots, mut at) = ([0; SLOTS], 0);
        while at < N {
            let mut slot = slot_of(entries[at].0.as_bytes());
            while slots[slot] != 0 {
                slot = next(slot);
            }
            at += 1;
            slots[slot] = at as u8;
        }
        Self { entries, slots }
    }

    /// Every entry, in the order of the table.
    pub(in crate::request) fn iter(&self) -> impl Iterator<Item = &(&'static str, T)> {
        self.entries.iter()
    }

    /// The entry of the key and its index.
    #[inline]
    pub(in crate::request) fn get(&self, key: &str) -> Option<(usize, &'static str, T)> {
        self.find(key, |known| known == key).map(|(at, (known, value))| (at, *known, *value))
    }

    /// The entry of the key ignoring case, and whether the case is equal.
    #[inline]
    pub(in crate::request) fn in_any_case(&self, key: &str) -> Option<(&'static str, T, bool)> {
        let found = self.find(key, |known| known.eq_ignore_ascii_case(key));
        found.map(|(_, (known, value))| (*known, *value, *known == key))
    }

    #[inline]
    fn find(&self, key: &str, is_it: impl Fn(&str) -> bool) -> Option<(usize, &(&'static str, T))> {
        let mut slot = slot_of(key.as_bytes());
        loop {
            let at = usize::from(*self.slots.get(slot)?).checked_sub(1)?;
            match self.entries.get(at)? {
                entry if is_it(entry.0) => return Some((at, entry)),
                _ => slot = next(slot),
            }
        }
    }
}

/// The first slot of a key, computed from its length and three of its bytes. Upper and lower case give the same slot.
/// The factors were found by experiment: few body members share a slot.
#[expect(clippy::indexing_slicing, reason = "each index is below the length")]
const fn slot_of(key: &[u8]) -> usize {
    let length = key.len();
    if length == 0 {
        return 0;
    }
    // Converts letters to lower case.
    let (first, middle, last) = (key[0] | 0x20, key[length / 2] | 0x20, key[length - 1] | 0x20);
    // A hash may overflow, and need not check for it.
    let letters = (first as usize * 171).wrapping_add(middle as usize * 198).wrapping_add(last as usize * 28);
    length.wrapping_mul(17).wrapping_add(letters) % SLOTS
}

const fn next(slot: usize) -> usize {
    (slot + 1) % SLOTS
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
