//! Rules that change while the gateway runs.
//!
//! In come changes: of files, which `watcher` sees, of a `bundle` on a server, or an operator's word. Out goes a new
//! generation to `pipeline`, in one swap, or a failure that changes nothing. `reloader` makes one attempt at a time.

pub(super) mod bundle;
pub(super) mod reloader;
mod watcher;
