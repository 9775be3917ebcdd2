//! Loads a generation from files: rules, keys and certificates as one unit.
//!
//! Input: the files of a configuration. Output: a complete generation or an error. `loader` reads the files and builds
//! the generation. `generation` defines it. `origin` records its files. `reload` activates it.

pub(super) mod generation;
pub(super) mod loader;
pub(super) mod origin;
