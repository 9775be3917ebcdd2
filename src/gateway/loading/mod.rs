//! From files to a generation: the rules, keys and certificates that a request is judged by, as one thing.
//!
//! In come the files of a configuration. Out goes a whole generation or an error, never a part of one. `loader` reads and
//! builds, `generation` is what it makes, `origin` says which files it was made of. `reload` puts it in force.

pub(super) mod generation;
pub(super) mod loader;
pub(super) mod origin;
