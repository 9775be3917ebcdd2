//! The book in `docs/`: every page is in the table of contents, every link has a target, and the reference pages
//! match the program.
//!
//! `MODELGATE_BLESS=1 cargo test --test book` regenerates the pages.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod commands;
mod configuration;
mod links;
mod metrics;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

/// Every page of the book, in any order.
fn pages() -> Vec<PathBuf> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("docs"), &mut found);
    found
}

/// Fails if the committed page differs from the generated one. With `MODELGATE_BLESS`, writes the page instead.
fn is_generated(page: &str, text: &str) {
    let path = root().join("docs").join(page);
    if std::env::var_os("MODELGATE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = committed.lines().zip(text.lines()).find(|(committed, generated)| committed != generated);
    assert!(
        committed == text,
        "docs/{page} is out of date, at {differing:?}; `MODELGATE_BLESS=1 cargo test --test book` writes it anew"
    );
}
