//! The report in JUnit's XML format, for CI systems.

use std::fmt::Write as _;

use crate::casefile::{Outcome, Report};

pub(super) fn write(reports: &[Report]) -> String {
    let outcomes: Vec<&Outcome> = reports.iter().flat_map(|report| &report.outcomes).collect();
    let failures = reports.iter().map(|report| report.failures().count()).sum::<usize>();
    let counts = format!("tests=\"{}\" failures=\"{failures}\"", outcomes.len());
    let cases: String = outcomes.iter().map(|outcome| case(outcome)).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"modelgate\" {counts}>\n  \
         <testsuite name=\"modelgate\" {counts}>\n{cases}  </testsuite>\n</testsuites>\n"
    )
}

fn case(outcome: &Outcome) -> String {
    let (file, note) = (escaped(&outcome.file), escaped(&outcome.note));
    let opening = format!(
        "    <testcase classname=\"{file}\" name=\"{note}\" file=\"{file}\" line=\"{}\"",
        outcome.line
    );
    if outcome.mismatches.is_empty() {
        return format!("{opening}/>\n");
    }
    let what: Vec<&str> = outcome.mismatches.iter().map(|mismatch| mismatch.what).collect();
    format!(
        "{opening}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
        escaped(&format!("unexpected {}", what.join(", "))),
        escaped(&outcome.to_string())
    )
}

/// Escapes text for an attribute or an element. Characters that XML 1.0 cannot represent are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                // Writing to a string cannot fail. XML parsers convert line breaks in attributes to spaces.
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
