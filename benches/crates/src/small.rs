//! Wildcards, request ids and the search for the boundary of a form.

use divan::{Bencher, black_box};

use crate::{form, gateway};

const PATTERNS: [&str; 3] = ["openai/*", "us.anthropic.*-v1:0", "*"];
const MODEL: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";

#[divan::bench(args = PATTERNS)]
fn wildcard_ours(bencher: Bencher<'_, '_>, pattern: &str) {
    let pattern = modelgate::pattern::Pattern::new(pattern);
    bencher.bench(|| pattern.matches(black_box(MODEL)));
}

#[divan::bench(args = PATTERNS)]
fn wildcard_wildmatch(bencher: Bencher<'_, '_>, pattern: &str) {
    let pattern = wildmatch::WildMatch::new(pattern);
    bencher.bench(|| pattern.matches(black_box(MODEL)));
}

#[divan::bench(args = PATTERNS)]
fn wildcard_globset(bencher: Bencher<'_, '_>, pattern: &str) {
    let pattern = globset::Glob::new(pattern).expect("a pattern").compile_matcher();
    bencher.bench(|| pattern.is_match(black_box(MODEL)));
}

#[divan::bench]
fn request_id_ours(bencher: Bencher<'_, '_>) {
    bencher.bench_local(gateway::ids());
}

fn header(id: uuid::Uuid) -> http::HeaderValue {
    http::HeaderValue::from_str(id.simple().encode_lower(&mut [0; 32])).expect("digits")
}

#[divan::bench]
fn request_id_uuid_v4(bencher: Bencher<'_, '_>) {
    bencher.bench(|| header(uuid::Uuid::new_v4()));
}

#[divan::bench]
fn request_id_uuid_v7(bencher: Bencher<'_, '_>) {
    bencher.bench(|| header(uuid::Uuid::now_v7()));
}

const BOUNDARY: &[u8] = b"\r\n------WebKitFormBoundary7MA4YWxkTrZu0gW";

/// A mebibyte of base64 in lines of 76 bytes, and the boundary.
fn lines() -> Vec<u8> {
    let mut lines: Vec<u8> =
        b"VGhlIGZveCBzYWlkIG5vIHRvIG5vYm9keSwgYW5kIGp1bXBlZCBvdmVyIHRoZSBsYXp5IGRvZy4=\r\n"
            .iter()
            .copied()
            .cycle()
            .take(1 << 20)
            .collect();
    lines.extend_from_slice(BOUNDARY);
    lines
}

#[divan::bench]
fn boundary_in_a_mebibyte_ours(bencher: Bencher<'_, '_>) {
    let lines = lines();
    bencher.bench(|| form::find(black_box(&lines), BOUNDARY));
}

#[divan::bench]
fn boundary_in_a_mebibyte_memmem(bencher: Bencher<'_, '_>) {
    let lines = lines();
    bencher.bench(|| memchr::memmem::find(black_box(&lines), BOUNDARY));
}
