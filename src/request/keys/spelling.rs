//! Detects keys that some readers treat as other keys.

use std::borrow::Cow;

/// Whether some reader treats `key` as `name`, although they differ.
pub(in crate::request) fn is_disguised(key: &str, name: &str) -> bool {
    may_be_read_as(key, name) && Spelling::of(key).is_disguised(name)
}

/// Whether the first characters may still be equal. Readers keep every character except its case, unless it is a blank,
/// a control character or not ASCII.
fn may_be_read_as(key: &str, name: &str) -> bool {
    match (key.as_bytes().first(), name.as_bytes().first()) {
        (Some(key), Some(name)) => !key.is_ascii_graphic() || key.eq_ignore_ascii_case(name),
        _ => true,
    }
}

/// A key as lenient readers see it. Go's reader folds case. Others drop blanks. PHP's and Rails' treat the rest as a
/// path into a list or an object.
pub(in crate::request) struct Spelling<'k> {
    as_written: &'k str,
    /// The case is not folded yet.
    as_read: Cow<'k, str>,
}

impl<'k> Spelling<'k> {
    pub(in crate::request) fn of(key: &'k str) -> Self {
        // Applies to nearly all keys: no reader makes such a key longer or shorter.
        let is_plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let as_read = if is_plain { Cow::Borrowed(key) } else { Cow::Owned(stem(key)) };
        Self { as_written: key, as_read }
    }

    /// The key as read, before case is folded.
    pub(in crate::request) fn as_read(&self) -> &str {
        &self.as_read
    }

    /// Whether some reader treats this key as `name`, although they differ.
    pub(in crate::request) fn is_disguised(&self, name: &str) -> bool {
        self.as_written != name && self.as_read.eq_ignore_ascii_case(name)
    }
}

fn stem(key: &str) -> String {
    let ends = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '[' | '.');
    let trimmed = key.trim_start_matches(|c: char| c.is_control() || c.is_whitespace());
    let stem = trimmed.split(ends).next().unwrap_or_default();
    // U+017F and U+212A fold to `s` and `k`.
    let folded = stem.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c,
    });
    folded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_some_reader_takes_for_the_name_is_disguised() {
        let keys =
            ["Model", " model", "\u{b}model", "model ", "model\0x", "model[]", "model.x", "\u{a0}mODEL[a"];
        for key in keys {
            assert!(is_disguised(key, "model"), "{key:?}");
        }
        for key in ["\u{17f}tream", "\u{2003}Stream", "STREAM\u{85}"] {
            assert!(is_disguised(key, "stream"), "{key:?}");
        }
        for key in ["model", "", "[model]", ".model", "xmodel", "mode", "models", "_model", "m odel", "é"] {
            assert!(!is_disguised(key, "model"), "{key:?}");
        }
    }

    #[test]
    fn a_first_character_alone_hides_no_disguise() {
        for first in (0..0x3000).filter_map(char::from_u32) {
            for rest in ["odel", "model", ""] {
                let key = format!("{first}{rest}");
                assert_eq!(is_disguised(&key, "model"), Spelling::of(&key).is_disguised("model"), "{key:?}");
            }
        }
    }
}
