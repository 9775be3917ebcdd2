//! Loads a generation from files: rules, keys and certificates as one unit.
//!
//! Input: the files of a configuration. Output: a complete generation or an error. `loader` reads the files and builds
//! the generation. `generation` defines it, with the TLS of its `listeners`. `origin` records its files, and `error` says why there is none. `reload` activates it.

pub(super) mod error;
pub(super) mod generation;
pub(super) mod listeners;
pub(super) mod loader;
pub(super) mod origin;
