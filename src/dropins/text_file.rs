//! The text of a file.

use std::sync::Arc;

/// The text of a file, with its name.
#[derive(Clone, Debug)]
pub(crate) struct TextFile {
    /// The path as diagnostics and sources show it.
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<str>,
}

impl TextFile {
    /// The line of a byte offset, starting at 1.
    pub(crate) fn line_at(&self, offset: usize) -> usize {
        1 + self.lines_between(0, offset)
    }

    /// The number of line breaks between two byte offsets.
    pub(super) fn lines_between(&self, from: usize, to: usize) -> usize {
        let between = self.text.as_bytes().get(from..to.min(self.text.len())).unwrap_or_default();
        between.iter().filter(|byte| **byte == b'\n').count()
    }
}
