//! Makes untrusted text safe to display.

const MAX_SHOWN: usize = 64;

/// Shortens untrusted text for a message, and replaces quotes, backslashes and control characters.
pub(super) fn sanitize(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MAX_SHOWN)
        .map(|c| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '`') { c } else { '?' })
        .collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_is_shortened_and_made_harmless() {
        assert_eq!(sanitize("a\"b\\c\r\nd\u{e9}`\u{1b}"), "a?b?c??d???");
        assert_eq!(sanitize(&"x".repeat(1000)), format!("{}...", "x".repeat(64)));
    }
}
