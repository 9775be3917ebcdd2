//! One policy of a drop-in file.

use cedar_policy::Policy;

use super::text_file::TextFile;

/// One policy of a drop-in file.
#[derive(Clone, Debug)]
pub(crate) struct DropIn {
    /// The policy. Its id is its `@id`, or `file#n` from its position in the file.
    pub(crate) policy: Policy,
    /// The policy without its text. With the text, Cedar would parse it again to represent the policy as data.
    pub(crate) parsed: Policy,
    pub(crate) file: TextFile,
    /// The byte offset of the policy in the file.
    pub(crate) offset: usize,
    pub(crate) line: usize,
}

/// The value of an annotation. Cedar's own accessor parses the name on each call.
pub(crate) fn annotation<'p>(policy: &'p Policy, name: &str) -> Option<&'p str> {
    policy.annotations().find(|(known, _)| *known == name).map(|(_, value)| value)
}

impl DropIn {
    /// The position as `file:line`.
    pub(crate) fn source(&self) -> String {
        format!("{}:{}", self.file.name, self.line)
    }
}
