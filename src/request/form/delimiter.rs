//! Searches for a byte string in a stream (Knuth, Morris and Pratt).

#[derive(Debug)]
pub(super) struct Search {
    bytes: Vec<u8>,
    /// For each prefix: the length of its longest proper prefix that is also its suffix.
    fallbacks: Vec<usize>,
    matched: usize,
}

impl Search {
    /// A search for `bytes`, which must not be empty.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let mut search = Self { fallbacks: vec![0; bytes.len()], bytes, matched: 0 };
        let mut length = 0;
        for at in 1..search.bytes.len() {
            let byte = search.bytes.get(at).copied();
            length = search.longer(length, byte);
            if let Some(fallback) = search.fallbacks.get_mut(at) {
                *fallback = length;
            }
        }
        search
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of leading bytes of the pattern that match the last input bytes.
    pub(super) fn matched(&self) -> usize {
        self.matched
    }

    /// Continues as if the first `matched` bytes were read.
    pub(super) fn assume(&mut self, matched: usize) {
        self.matched = matched;
    }

    /// Reads the next byte. Returns whether it completes the pattern. The search then starts again.
    pub(super) fn step(&mut self, byte: u8) -> bool {
        self.matched = self.longer(self.matched, Some(byte));
        let is_found = self.matched == self.bytes.len();
        if is_found {
            self.matched = 0;
        }
        is_found
    }

    fn longer(&self, mut length: usize, byte: Option<u8>) -> usize {
        while length > 0 && self.bytes.get(length).copied() != byte {
            length = length.checked_sub(1).and_then(|last| self.fallbacks.get(last)).copied().unwrap_or(0);
        }
        length + usize::from(self.bytes.get(length).copied() == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_is_found_even_where_beginnings_overlap() {
        for (haystack, pattern, end) in
            [("aaab", "aab", 4), ("\r\r\n--x", "\r\n--x", 6), ("ababac", "abac", 6), ("---a", "--a", 4)]
        {
            let mut search = Search::new(pattern.as_bytes().to_vec());
            let found = haystack.bytes().position(|byte| search.step(byte));
            assert_eq!(found.map(|at| at + 1), Some(end), "{haystack:?}");
        }
    }
}
