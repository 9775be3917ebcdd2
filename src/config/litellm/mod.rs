//! What becomes of LiteLLM's keys, and how a tree is read by them.
//!
//! In comes a tree of YAML. Out go the structs of `raw`, and what was found on the way: unknown keys, keys that are ignored,
//! warned of or refused, and values of the wrong type, each with its place. `fates` is the table of LiteLLM's keys.

pub(super) mod access_words;
pub(super) mod de;
pub(super) mod fates;
pub(super) mod finding;
pub(super) mod keys;
pub(super) mod known_keys;
mod left_out;
