//! YAML text, before anybody asks what it means.
//!
//! In comes the text of a file. Out go a tree in which every key knows its line and column, the paths of its keys, the variables
//! of its block `environment_variables`, and the text again with its secrets redacted, as diagnostics may quote it.

pub(super) mod environment;
pub(super) mod key_name;
pub(super) mod lines;
pub(super) mod path;
pub(super) mod redaction;
mod syntax;
pub(super) mod tree;
