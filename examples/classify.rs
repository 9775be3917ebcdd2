//! What the requests of `tests/cases` ask for, as JSON lines, for `tests/differential`. Only those that are accepted, and
//! with every case those of its near variants that are accepted too.
#![expect(clippy::expect_used, clippy::panic, reason = "a tool of the tests")]

#[path = "../tests/support/cases.rs"]
mod cases;

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};

use http::header::CONTENT_TYPE;
use modelgate::request::ApiCall;
use serde_json::{Value, json};

use cases::Case;

/// What the readers must find in the body after the replacement.
const RENAMED: &str = "renamed/model 1";

/// Longer bodies are not varied.
const MAX_VARIED: usize = 500;

/// What is put into a body to vary it: the marks of the formats.
const MARKS: [&str; 14] = [
    "\r\n",
    "\n",
    "\r",
    "\"",
    "\\",
    ";",
    "&",
    "=",
    " ",
    "%",
    "\0",
    "--b0undary",
    "model",
    "\r\n--b0undary\r\n",
];

fn main() -> std::io::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (file, case) in cases::all() {
        let name = format!("{file}: {}", case.name);
        let body = case.body();
        if let Ok(call) = case.classify() {
            assert!(case.refused.is_none(), "{name}");
            assert_eq!(case.models.as_ref().map(Vec::len), Some(call.models().count()), "{name}");
            writeln!(out, "{}", line(&name, &case, &body, &call))?;
        }
        for (number, varied) in variants(&body).into_iter().enumerate() {
            if let Ok(call) = case.classify_body(&varied) {
                writeln!(out, "{}", line(&format!("{name}, variant {number}"), &case, &varied, &call))?;
            }
        }
    }
    out.flush()
}

/// The body with one byte left out, and with one mark put in, at places that are a few bytes apart.
fn variants(body: &[u8]) -> Vec<Vec<u8>> {
    if body.len() > MAX_VARIED {
        return Vec::new();
    }
    let at = |at: usize| body.split_at(at);
    let left_out = (0..body.len()).map(|n| [at(n).0, at(n + 1).1].concat());
    let put_in = (0..=body.len()).flat_map(|n| {
        // Another third of the marks at each place.
        let marks = MARKS.iter().skip(n % 3).step_by(3);
        marks.map(move |mark| [at(n).0, mark.as_bytes(), at(n).1].concat())
    });
    left_out.chain(put_in).collect()
}

fn line(name: &str, case: &Case, body: &[u8], call: &ApiCall) -> Value {
    let renamed = call.body_model().and_then(|_| call.renamed_body(RENAMED)).map(|(range, text)| {
        let (head, tail) = (body.get(..range.start), body.get(range.end..));
        hex(&[head.unwrap_or_default(), text.as_bytes(), tail.unwrap_or_default()].concat())
    });
    let content_type = case.with(|head| {
        let value = head.headers.get(CONTENT_TYPE)?;
        value.to_str().ok().map(str::to_owned)
    });
    json!({
        "name": name,
        "content_type": content_type,
        "body": hex(body),
        "models": call.models().map(ToString::to_string).collect::<Vec<_>>(),
        "in_body": call.body_model().is_some(),
        // The path's model stands for another one in the body.
        "replaced": call.replaced_model().is_some(),
        "renamed": renamed,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
