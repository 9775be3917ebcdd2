//! Text from requests, tokens and files, made safe to show.
//!
//! A terminal obeys control characters, and bidirectional marks reorder what stands around them. Text that somebody else chose must do
//! neither to what an operator reads.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal, a log viewer or an editor could obey the character instead of showing it: C0 and C1 controls, the separators
/// of lines and paragraphs, and the marks of Unicode's bidirectional algorithm (UAX 9).
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with every harmful character written as `\u{…}`, line breaks and tabs included.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    replace(text, is_harmful, |out, c| write!(out, "\\u{{{:x}}}", u32::from(c)))
}

/// The same for text that is laid out already: line breaks and tabs stay.
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the command prints reports"))]
pub(crate) fn escape_lines(text: &str) -> Cow<'_, str> {
    replace(
        text,
        |c| is_harmful(c) && !matches!(c, '\n' | '\t'),
        |out, c| write!(out, "\\u{{{:x}}}", u32::from(c)),
    )
}

/// JSON with every harmful character of its strings written as `\uXXXX`, which means the same to every reader. JSON has none outside
/// of strings, apart from the white space of its layout.
#[cfg_attr(
    not(feature = "gateway"),
    expect(dead_code, reason = "only the command and the gateway write JSON")
)]
pub(crate) fn escape_json(json: &str) -> Cow<'_, str> {
    replace(
        json,
        |c| is_harmful(c) && !matches!(c, '\n' | '\t' | '\r'),
        |out, c| {
            // All of them are in the basic plane.
            write!(out, "\\u{:04x}", u32::from(c))
        },
    )
}

fn replace(
    text: &str,
    is_replaced: impl Fn(char) -> bool,
    write: impl Fn(&mut String, char) -> std::fmt::Result,
) -> Cow<'_, str> {
    let Some(first) = text.find(&is_replaced) else { return Cow::Borrowed(text) };
    let (clean, rest) = text.split_at(first);
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(clean);
    for c in rest.chars() {
        if is_replaced(c) {
            // Writing to a string cannot fail.
            let _ = write(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind.
    const HARMFUL: &str = "\0\u{1b}\n\t\u{7f}\u{80}\u{9b}\u{9f}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}";

    #[test]
    fn harmful_characters_are_escaped_and_no_others() {
        assert_eq!(escape("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
        for c in HARMFUL.chars() {
            assert_eq!(escape(&c.to_string()), format!("\\u{{{:x}}}", u32::from(c)));
        }
        for harmless in
            ["", "gpt-4o", "Grüße 日本 🙂 é\u{301}", "\u{a0}\u{ad}\u{200d}\u{2010}\u{2027}\u{202f}"]
        {
            assert!(matches!(escape(harmless), Cow::Borrowed(text) if text == harmless), "{harmless:?}");
        }
    }

    #[test]
    fn a_layout_keeps_its_lines() {
        assert_eq!(escape_lines("a\n\tb\r\u{1b}"), "a\n\tb\\u{d}\\u{1b}");
    }

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({HARMFUL: [HARMFUL, "é"]});
        for json in [value.to_string(), format!("{value:#}")] {
            let escaped = escape_json(&json);
            assert!(!escaped.chars().any(|c| is_harmful(c) && c != '\n'), "{escaped}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).ok(), Some(value.clone()));
        }
    }
}
