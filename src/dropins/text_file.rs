//! A file that was read.

use std::sync::Arc;

/// A file that was read.
#[derive(Clone, Debug)]
pub(crate) struct TextFile {
    /// Its path, as diagnostics and sources show it.
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<str>,
}

impl TextFile {
    /// The line of a position, counted from 1.
    pub(crate) fn line_at(&self, offset: usize) -> usize {
        1 + self.lines_between(0, offset)
    }

    /// How many lines end between two positions.
    pub(super) fn lines_between(&self, from: usize, to: usize) -> usize {
        let between = self.text.as_bytes().get(from..to.min(self.text.len())).unwrap_or_default();
        between.iter().filter(|byte| **byte == b'\n').count()
    }
}
