//! What a body says about models.
//!
//! What comes in: JSON that is read member by member. What leaves: [`content::Content`]: the model that is asked for and where
//! it stands, the additional ones, and how they are used. [`collect`] decides by the place of a value; what keys mean is in
//! the room `keys`.

pub(super) mod body;
pub(super) mod collect;
pub(super) mod content;
mod managed_id;
pub(super) mod model_use;
pub(super) mod names;
pub(super) mod rules;
pub(super) mod usage;
pub(super) mod zone;
