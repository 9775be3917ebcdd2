//! The files of the console.

use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::process::Gate;

#[test]
fn the_console_is_served_with_the_headers_that_protect_it() {
    let gate = Gate::start("");
    let page = gate.ask("GET", "/", "", "");
    assert_eq!((page.status(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("<!doctype html>"), "{}", page.text());
    for (path, status) in [("/", 200), ("/api/v1/snapshot", 200), ("/metrics", 200), ("/nothing", 404)] {
        let answer = gate.ask("GET", path, "", "");
        assert_eq!(answer.status(), status, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'self'; frame-ancestors 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    }
}

#[test]
fn files_are_sent_compressed_to_those_who_accept_it() {
    let gate = Gate::start("");
    let plain = gate.ask("GET", "/", "", "");
    assert_eq!(plain.header("content-encoding"), None);
    let compressed = gate.ask("GET", "/", "accept-encoding: br, gzip\r\n", "");
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    let mut text = Vec::new();
    GzDecoder::new(&*compressed.body).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
}

#[test]
fn only_files_of_the_console_are_served() {
    let gate = Gate::start("");
    for path in ["/index.html.gz", "/../Cargo.toml", "/assets/", "/%2e%2e/config.yaml", "/config.yaml", "//"]
    {
        assert_eq!(gate.ask("GET", path, "", "").status(), 404, "{path}");
    }
    assert_eq!(gate.ask("POST", "/", "", "").status(), 405);
}
