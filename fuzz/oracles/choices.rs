//! The choices that an input of a fuzz target makes.
#![allow(dead_code, reason = "each target uses some of them")]

/// Each byte of an input makes one choice. After its end, every choice takes the first option.
pub(crate) struct Choices<'d>(std::slice::Iter<'d, u8>);

impl<'d> Choices<'d> {
    pub(crate) fn of(input: &'d [u8]) -> Self {
        Self(input.iter())
    }
}

impl Choices<'_> {
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default()) % count
    }

    pub(crate) fn one<'c>(&mut self, of: &[&'c str]) -> &'c str {
        of[self.below(of.len())]
    }

    pub(crate) fn yes(&mut self) -> bool {
        self.below(2) == 1
    }

    /// One bit for each choice.
    pub(crate) fn some<'c>(&mut self, of: &[&'c str]) -> Vec<&'c str> {
        let bits = self.below(256);
        of.iter().enumerate().filter(|(i, _)| bits >> (i % 8) & 1 == 1).map(|(_, name)| *name).collect()
    }
}
