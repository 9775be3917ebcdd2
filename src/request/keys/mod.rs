//! The meaning of keys in bodies, queries and forms.
//!
//! Input: a key. Output: the meaning of its value. [`members`] is the table of known places. [`naming`] has the rule
//! for other keys. [`spelling`] finds keys that some readers treat as other keys.

pub(super) mod api_members;
pub(super) mod members;
pub(super) mod naming;
pub(super) mod spelling;
mod table;
