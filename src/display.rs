//! Text that strangers wrote, made fit to be shown.

use std::borrow::Cow;

/// Escapes what would change how text is shown instead of being shown: control characters (C0 and C1), line and paragraph
/// separators, and marks of direction. Each becomes `\u{…}`.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    // Most text is ASCII, and is looked at byte by byte.
    if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) || !text.contains(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_deceptive(c) {
            escaped.extend(c.escape_unicode());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Whether a character changes how the text around it is shown.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_how_text_is_shown_is_escaped() {
        let cases = [
            ("a\nb\u{1b}[31m", "a\\u{a}b\\u{1b}[31m"),
            ("\u{7f}\u{80}\u{9b}\u{9f}", "\\u{7f}\\u{80}\\u{9b}\\u{9f}"),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
            ("\u{202a}\u{202e}\u{2066}\u{2069}", "\\u{202a}\\u{202e}\\u{2066}\\u{2069}"),
            ("\u{200e}\u{200f}\u{61c}", "\\u{200e}\\u{200f}\\u{61c}"),
        ];
        for (text, shown) in cases {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in ["", "gpt-4o", "modèle", "模型", "שלום", "a\\u{a}"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
