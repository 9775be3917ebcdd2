//! Parses key-value pairs of queries and urlencoded forms.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;

/// A value as it was sent, with its position.
#[derive(Debug)]
pub(in crate::request) struct Value {
    pub(in crate::request) text: String,
    pub(in crate::request) range: Range<usize>,
}

/// A pair as it was sent, with the position of its value.
pub(in crate::request) struct Pair<'t> {
    pub(in crate::request) key: &'t str,
    pub(in crate::request) value: &'t str,
    pub(in crate::request) range: Range<usize>,
}

/// Splits a query or a form into pairs. Some readers treat `;` as a separator.
pub(in crate::request) fn pairs(text: &str) -> impl Iterator<Item = Pair<'_>> {
    let mut at = 0;
    text.split(['&', ';']).map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let end = at + pair.len();
        at = end + 1;
        Pair { key, value, range: end.saturating_sub(value.len())..end }
    })
}

/// Decodes a key or a value. Refuses an invalid escape, which readers decode differently.
pub(in crate::request) fn decode(text: &str) -> Result<Cow<'_, str>, String> {
    let is_broken = |rest: &str| !rest.get(..2).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if text.split('%').skip(1).any(is_broken) {
        return Err("it has a broken escape".to_owned());
    }
    let not_utf8 = |_| "it is not UTF-8".to_owned();
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode_str(&spaced)
            .decode_utf8()
            .map(|s| Cow::Owned(s.into_owned()))
            .map_err(not_utf8);
    }
    percent_decode_str(text).decode_utf8().map_err(not_utf8)
}
