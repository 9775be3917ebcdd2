//! What a body says about models.
//!
//! What comes in: JSON that is read member by member, and the names of keys. What leaves: [`content::Content`]: the model that
//! is asked for and where it stands, the additional ones, and how they are used. [`members`] is the one table of places; the
//! rule for keys that it does not have is in [`naming`].

pub(super) mod api_members;
pub(super) mod body;
pub(super) mod collect;
pub(super) mod content;
mod keys;
mod managed_id;
pub(super) mod members;
pub(super) mod model_use;
pub(super) mod names;
pub(super) mod naming;
pub(super) mod rules;
pub(super) mod spelling;
pub(super) mod usage;
