//! The wildcard matcher agrees with a table of all prefixes.
//!
//! An input is the pattern up to the first line feed, and the text.

use modelgate::pattern::Pattern;

const MAX_LEN: usize = 512;

pub(crate) fn check(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let Some((pattern, text)) = input.split_once('\n') else { return };
    if data.len() <= MAX_LEN {
        assert_eq!(Pattern::new(pattern).matches(text), table_matches(pattern, text), "{pattern:?} {text:?}");
    }
}

/// Tracks, for the part of the pattern that was read, which prefixes of the text match.
fn table_matches(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut matched: Vec<bool> = std::iter::once(true).chain(text.iter().map(|_| false)).collect();
    for symbol in pattern.chars() {
        matched = if symbol == '*' {
            matched
                .iter()
                .scan(false, |any, &here| {
                    *any |= here;
                    Some(*any)
                })
                .collect()
        } else {
            let longer = matched.iter().zip(&text).map(|(&shorter, &c)| shorter && c == symbol);
            std::iter::once(false).chain(longer).collect()
        };
    }
    matched.last().is_some_and(|&whole| whole)
}
