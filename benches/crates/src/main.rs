//! Parts of modelgate beside maintained crates that do something similar, all in one run.
//!
//! Run it with `cargo run --release -- --bench` in this folder. The table *Ours or a crate* in `docs/internals/architecture.md` has
//! the last result.

mod bodies;
mod cache;
mod form;
mod gateway;
mod small;

fn main() {
    divan::main();
}
