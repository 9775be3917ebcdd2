//! What an answer depends on, and the answers that are kept by it.
//!
//! A caller and what it asks for come in. A key leaves, of which entities are built, and an answer that serves every request
//! with the same key.

pub(super) mod answer;
pub(super) mod key;
pub(super) mod profile;
