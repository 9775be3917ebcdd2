//! Decides on LiteLLM's keys, and reads a tree accordingly.
//!
//! Input: a tree of YAML. Output: the structs of `raw`, and findings with positions: unknown keys, keys that are
//! ignored, warned about or refused, and values of a wrong type. `fates` is the table of LiteLLM's keys.

pub(super) mod access_words;
pub(super) mod de;
pub(super) mod fates;
pub(super) mod finding;
pub(super) mod keys;
pub(super) mod known_keys;
mod left_out;
