//! A policy of a file.

use cedar_policy::Policy;

use super::text_file::TextFile;

/// A policy of a file.
#[derive(Clone, Debug)]
pub(crate) struct DropIn {
    /// Its id is its `@id`, or `file#n` by its place in the file.
    pub(crate) policy: Policy,
    /// The same without its text, which Cedar would read again to write the policy as data.
    pub(crate) parsed: Policy,
    pub(crate) file: TextFile,
    /// Where in the file it begins.
    pub(crate) offset: usize,
    pub(crate) line: usize,
}

/// The value of an annotation. Cedar's own way to one parses its name each time.
pub(crate) fn annotation<'p>(policy: &'p Policy, name: &str) -> Option<&'p str> {
    policy.annotations().find(|(known, _)| *known == name).map(|(_, value)| value)
}

impl DropIn {
    /// `file:line`.
    pub(crate) fn source(&self) -> String {
        format!("{}:{}", self.file.name, self.line)
    }
}
