//! Every test that `docs/security.md` and `docs/internals/reliability.md` name exists.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

fn rust_files(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// The texts between backticks in the last column of tables.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let cells = text.lines().filter_map(|line| line.strip_suffix('|')?.rsplit('|').next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2))
}

/// Fails for each test and file that the page names and that does not exist. `least` is the minimum number of named
/// tests.
fn names_what_is_there(page: &str, least: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join(page)).unwrap();
    let mut code = String::new();
    for directory in ["src", "tests"] {
        rust_files(&root.join(directory), &mut code);
    }
    let is_test = |name: &&str| name.matches('_').count() >= 2 && !name.contains(['.', ' ', '/']);
    let missing: Vec<&str> =
        quoted(&page).filter(is_test).filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let files: Vec<&str> =
        quoted(&page).filter(|name| name.starts_with("tests/") && !root.join(name).exists()).collect();
    assert!(files.is_empty(), "{files:#?}");
    assert!(quoted(&page).filter(is_test).count() > least, "the page's tables were not read");
}

#[test]
fn every_test_that_the_security_page_names_is_there() {
    names_what_is_there("docs/security.md", 60);
}

#[test]
fn every_test_that_the_reliability_page_names_is_there() {
    names_what_is_there("docs/internals/reliability.md", 25);
}
