//! The operators' listener.
//!
//! In come requests of operators and their tools, on an address of their own and without credentials. Out goes what is in
//! force and how it does: health, metrics, the snapshot. The only thing that it changes is to ask for a reload.

mod guard;
mod server;

pub use server::Admin;
