//! What a stranger wrote, made fit to be shown.

const MAX_SHOWN: usize = 64;

/// A stranger's text, fit for a message: short, and without quotes, backslashes or control characters.
pub(super) fn shown(text: &str) -> String {
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
        assert_eq!(shown("a\"b\\c\r\nd\u{e9}`\u{1b}"), "a?b?c??d???");
        assert_eq!(shown(&"x".repeat(1000)), format!("{}...", "x".repeat(64)));
    }
}
