//! JSON text, read once and strictly, without a tree.
//!
//! What comes in: the bytes of a body. What leaves: an error that says which byte is wrong, or every key and value in order,
//! shown to a [`walk::Look`]. Nothing here knows what a key means.

pub(super) mod scan;
pub(super) mod token;
pub(super) mod walk;
