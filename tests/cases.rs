//! Checks each request of `tests/cases`: the models that it names, or its refusal. Each case is one test.
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/cases.rs"]
mod cases;

use libtest_mimic::{Arguments, Failed, Trial};
use modelgate::request::{ApiCall, Malformed, RequestParser};

use cases::Case;

fn main() {
    let trials = cases::all()
        .into_iter()
        .map(|(file, case)| Trial::test(format!("{file}: {}", case.name), move || check(&case)))
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn check(case: &Case) -> Result<(), Failed> {
    let read = case.classify();
    let found = outcome(&read);
    let expected = (case.models.clone(), case.refused);
    if found != expected {
        return Err(format!("{found:?} instead of {expected:?}: {read:?}").into());
    }
    for size in [1, 2, 3, 7, 64] {
        let in_pieces = in_pieces(case, size);
        if in_pieces != read {
            return Err(format!("in pieces of {size} bytes: {in_pieces:?} instead of {read:?}").into());
        }
    }
    Ok(())
}

fn outcome(read: &Result<ApiCall, Malformed>) -> (Option<Vec<String>>, Option<u16>) {
    match read {
        Ok(call) => (Some(call.models().map(ToString::to_string).collect()), None),
        Err(Malformed::Unsupported(_)) => (None, Some(415)),
        Err(_) => (None, Some(400)),
    }
}

fn in_pieces(case: &Case, size: usize) -> Result<ApiCall, Malformed> {
    match case.with(RequestParser::begin)? {
        RequestParser::Whole(whole) => whole.finish(&case.body()),
        RequestParser::Streamed(mut streamed) => {
            for piece in case.body().chunks(size) {
                streamed.feed(piece)?;
            }
            streamed.finish()
        }
    }
}
