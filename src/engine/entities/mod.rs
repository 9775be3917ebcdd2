//! The entities of a request, and the hierarchy that they are in.
//!
//! The configuration's lists, operators' files and the key of a request come in. Cedar's entities leave, each with everything
//! that it is in.

pub(super) mod build;
pub(super) mod candidates;
mod circles;
mod denied;
mod hierarchy;
pub(super) mod names;
pub(super) mod principal_context;
pub(super) mod world;
