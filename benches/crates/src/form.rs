//! The search for the boundary of a form of modelgate.

#[path = "../../../src/request/form/delimiter.rs"]
#[expect(dead_code, reason = "the bench searches, and nothing else")]
mod delimiter;

/// The end of the first occurrence.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let mut search = delimiter::Search::new(needle.to_vec());
    haystack.iter().position(|byte| search.step(*byte))
}
