//! Measures parsing a body of one mebibyte with the model at its end: `cargo bench --bench classify`. The
//! largest allocation must not grow with the body.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher};
use http::{HeaderMap, Method};
use modelgate::request::{RequestParts, classify};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const MEBIBYTE: usize = 1 << 20;

fn main() {
    divan::main();
}

fn classified(bencher: Bencher<'_, '_>, body: &str) {
    let (method, headers) = (Method::POST, HeaderMap::new());
    let parts = RequestParts {
        method: &method,
        path: "/v1/chat/completions",
        query: None,
        headers: &headers,
        body: body.as_bytes(),
    };
    bencher.counter(BytesCount::new(body.len())).bench_local(|| classify(&parts).unwrap());
}

/// Repeats a text until it fills a mebibyte.
fn filled(piece: &str, separator: &str) -> String {
    vec![piece; MEBIBYTE.div_ceil(piece.len())].join(separator)
}

/// One long message.
#[divan::bench(args = [
    "x",
    "The fox said \\\"no\\\" to nobody, and jumped over the lazy dog.\\n",
    "    if (a == \\\"b\\\") {\\n        return c;\\n    }\\n",
    "Съешь же ещё этих мягких французских булок. ",
    "我能吞下玻璃而不伤身体。",
    "caf\\u00e9 \\ud83d\\ude00 ",
])]
fn text(bencher: Bencher<'_, '_>, piece: &str) {
    let text = filled(piece, "");
    classified(
        bencher,
        &format!(r#"{{"messages": [{{"role": "user", "content": "{text}"}}], "model": "a"}}"#),
    );
}

/// Many short messages.
#[divan::bench]
fn messages(bencher: Bencher<'_, '_>) {
    let piece =
        r#"{"role": "user", "content": [{"type": "text", "text": "What does it cost, and who pays?"}]}"#;
    classified(bencher, &format!(r#"{{"messages": [{}], "model": "a"}}"#, filled(piece, ", ")));
}

/// Little text, and much structure around it.
#[divan::bench]
fn objects(bencher: Bencher<'_, '_>) {
    let piece =
        r#"{"type":"function","function":{"name":"get","parameters":{"n":1,"x":true,"l":[1,2,3.5]}}}"#;
    classified(bencher, &format!(r#"{{"tools": [{}], "messages": [], "model": "a"}}"#, filled(piece, ",")));
}
