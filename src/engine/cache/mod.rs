//! The decision cache: the key of an answer, and the answers.
//!
//! Input: a caller and what it asks for. Output: a key, from which the entities are built, and an answer that serves
//! every request with the same key.

pub(super) mod answer;
pub(super) mod key;
pub(super) mod profile;
