//! The entities of a request and their hierarchy.
//!
//! Input: the configuration's lists, operators' files and the key of a request. Output: Cedar entities, each with all
//! its ancestors.

pub(super) mod build;
pub(super) mod candidates;
mod circles;
mod denied;
mod hierarchy;
pub(super) mod names;
pub(super) mod principal_context;
pub(super) mod world;
