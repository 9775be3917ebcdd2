//! Parses YAML text without interpreting keys.
//!
//! Input: the text of a file. Output: a tree in which every key has its line and column, the paths of its keys, the
//! variables in its block `environment_variables`, and the text with secrets redacted, for quotes in diagnostics.

pub(super) mod environment;
pub(super) mod key_name;
pub(super) mod lines;
pub(super) mod path;
#[cfg(feature = "gateway")]
pub(super) mod policies;
pub(super) mod redaction;
#[cfg(feature = "cli")]
pub(super) mod secrets;
mod syntax;
pub(super) mod tree;
