//! Escapes text from requests, tokens and files for display.
//!
//! Terminals obey control characters, and bidirectional marks reorder the text around them. Untrusted text must do
//! neither in output for operators.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal, a log viewer or an editor could interpret the character instead of showing it. These are C0 and
/// C1 controls, line and paragraph separators, and the marks of Unicode's bidirectional algorithm (UAX 9).
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes every harmful character as `\u{…}`, including line breaks and tabs.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    replace(text, is_harmful, |out, c| write!(out, "\\u{{{:x}}}", u32::from(c)))
}

/// Escapes text that is already laid out. Line breaks and tabs are kept.
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the command prints reports"))]
pub(crate) fn escape_lines(text: &str) -> Cow<'_, str> {
    replace(
        text,
        |c| is_harmful(c) && !matches!(c, '\n' | '\t'),
        |out, c| write!(out, "\\u{{{:x}}}", u32::from(c)),
    )
}

/// Escapes every harmful character in JSON strings as `\uXXXX`, which means the same to every reader. Outside of
/// strings, JSON contains none except for white space.
#[cfg_attr(
    not(feature = "gateway"),
    expect(dead_code, reason = "only the command and the gateway write JSON")
)]
pub(crate) fn escape_json(json: &str) -> Cow<'_, str> {
    replace(
        json,
        |c| is_harmful(c) && !matches!(c, '\n' | '\t' | '\r'),
        |out, c| {
            // All harmful characters are in the basic multilingual plane.
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

    /// Examples of each kind of harmful character.
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
