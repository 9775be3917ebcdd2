//! Reads JSON text once and strictly, without a tree.
//!
//! Input: the bytes of a body. Output: an error with the position of the wrong byte, or every key and value in order,
//! passed to a [`walk::Look`]. This module does not know the meaning of keys.

pub(super) mod scan;
pub(super) mod token;
pub(super) mod walk;
