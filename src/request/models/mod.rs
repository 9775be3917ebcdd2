//! Reads the facts about models in a body.
//!
//! Input: JSON, member by member. Output: [`content::Content`], which holds the requested model and its position, the
//! additional models, and how they are used. [`collect`] interprets a value by its position. The module `keys` has the
//! meaning of keys.

pub(super) mod body;
pub(super) mod collect;
pub(super) mod content;
mod managed_id;
pub(super) mod model_use;
pub(super) mod names;
pub(super) mod rules;
pub(super) mod usage;
pub(super) mod zone;
