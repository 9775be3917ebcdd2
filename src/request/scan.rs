//! JSON text, read once and strictly, without decoding what nobody looks at.
//!
//! The limits and the grammar are those of `serde_json`, which decodes what is looked at, and the rare number that may be out
//! of range. Unlike its `IgnoredAny` nothing here skips unread: depth is counted and a lone surrogate is refused everywhere.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Objects and lists within each other, as many as `serde_json` reads.
pub(super) const MAX_DEPTH: usize = 127;

/// Digits of a number that is in range whatever they are.
const DIGITS_IN_RANGE: usize = 300;

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    List,
    Text,
    Number,
    Bool,
    Null,
}

/// Text, and how far it was read.
#[derive(Debug)]
pub(super) struct Json<'b> {
    text: &'b str,
    at: usize,
    depth: usize,
}

impl<'b> Json<'b> {
    /// Text of which nothing was read.
    ///
    /// # Errors
    ///
    /// If it is not UTF-8.
    pub(super) fn new(bytes: &'b [u8]) -> Result<Self, String> {
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        Ok(Self { text, at: 0, depth: 0 })
    }

    /// The whole text.
    pub(super) fn text(&self) -> &'b str {
        self.text
    }

    /// Goes to the next value, and says what it must be.
    pub(super) fn next_kind(&mut self) -> Result<Kind, String> {
        self.skip_blanks();
        Ok(match self.byte() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::List,
            Some(b'"') => Kind::Text,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => return self.refused("a value"),
        })
    }

    /// Reads an object that stands here. `member` is given each key, and must read the value.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), String>,
    ) -> Result<(), String> {
        self.skip_blanks();
        self.open(b'{', "an object")?;
        self.members(b'}', |json| {
            json.skip_blanks();
            let key = json.string()?.decoded()?;
            json.skip_blanks();
            json.take(b':', "a colon")?;
            member(json, &key)
        })
    }

    /// Reads a list that stands here. `element` must read a value.
    pub(super) fn list(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.open(b'[', "a list")?;
        self.members(b']', element)
    }

    /// Reads a string that stands here.
    pub(super) fn string(&mut self) -> Result<Token<'b>, String> {
        let start = self.at;
        self.take(b'"', "a string")?;
        let mut is_escaped = false;
        loop {
            self.at += plain(self.rest());
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return self.refused("the end of a string"),
            }
            is_escaped = true;
        }
        self.at += 1;
        Ok(Token { text: self.text.get(start..self.at).unwrap_or_default(), is_escaped })
    }

    /// Reads a number that stands here.
    pub(super) fn number(&mut self) -> Result<(), String> {
        let start = self.at;
        self.skip(b'-');
        let is_in_range = match self.digits() {
            0 => return self.refused("a digit"),
            digits if digits > 1 && self.text.as_bytes().get(self.at - digits) == Some(&b'0') => {
                return self.refused("no zero before a number");
            }
            digits => digits <= DIGITS_IN_RANGE,
        };
        if self.skip(b'.') && self.digits() == 0 {
            return self.refused("a digit");
        }
        let is_scaled = self.skip(b'e') || self.skip(b'E');
        if is_scaled {
            let _ = self.skip(b'+') || self.skip(b'-');
            if self.digits() == 0 {
                return self.refused("a digit");
            }
        }
        if is_scaled || !is_in_range {
            decoded::<f64>(self.text.get(start..self.at).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Reads `true`, `false` or `null`, one of which stands here.
    pub(super) fn word(&mut self) -> Result<(), String> {
        let is_known = |word: &&&str| self.rest().starts_with(word.as_bytes());
        match ["true", "false", "null"].iter().find(is_known) {
            Some(word) => self.at += word.len(),
            None => return self.refused("a value"),
        }
        Ok(())
    }

    /// Where the next value begins, and after `read` where it ended; and its text.
    pub(super) fn spanned(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(usize, &'b str), String> {
        self.skip_blanks();
        let start = self.at;
        read(self)?;
        Ok((start, self.text.get(start..self.at).unwrap_or_default()))
    }

    /// Reads the end of the text.
    pub(super) fn end(&mut self) -> Result<(), String> {
        self.skip_blanks();
        if self.rest().is_empty() { Ok(()) } else { self.refused("nothing more") }
    }

    fn members(
        &mut self,
        end: u8,
        mut member: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.skip_blanks();
        if !self.skip(end) {
            loop {
                member(self)?;
                self.skip_blanks();
                if self.skip(end) {
                    break;
                }
                self.take(b',', "a comma")?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn open(&mut self, byte: u8, what: &str) -> Result<(), String> {
        self.take(byte, what)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err("it is nested too deeply".to_owned()) } else { Ok(()) }
    }

    /// Reads an escape; its backslash stands here.
    fn escape(&mut self) -> Result<(), String> {
        match self.rest().get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.unit() {
                Some(0xd800..=0xdbff) if matches!(self.unit(), Some(0xdc00..=0xdfff)) => Ok(()),
                Some(0xd800..=0xdfff) | None => self.refused("a character's code"),
                Some(_) => Ok(()),
            },
            _ => self.refused("an escape"),
        }
    }

    /// Reads `\u` and a UTF-16 code unit.
    fn unit(&mut self) -> Option<u16> {
        let digits = self.rest().strip_prefix(br"\u")?.get(..4)?;
        let value = |byte: &u8| char::from(*byte).to_digit(16);
        let unit = digits.iter().try_fold(0, |unit, byte| Some(unit * 16 + value(byte)?))?;
        self.at += 6;
        u16::try_from(unit).ok()
    }

    fn rest(&self) -> &'b [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.byte() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn digits(&mut self) -> usize {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        digits
    }

    fn take(&mut self, byte: u8, what: &str) -> Result<(), String> {
        if self.skip(byte) { Ok(()) } else { self.refused(what) }
    }

    #[cold]
    fn refused<T>(&self, expected: &str) -> Result<T, String> {
        Err(format!("{expected} is expected at byte {}", self.at))
    }
}

/// A string as it stands in the text, with its quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'b> {
    text: &'b str,
    is_escaped: bool,
}

impl<'b> Token<'b> {
    /// What the string says.
    pub(super) fn decoded(self) -> Result<Cow<'b, str>, String> {
        if self.is_escaped {
            return decoded(self.text).map(Cow::Owned);
        }
        Ok(Cow::Borrowed(
            self.text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default(),
        ))
    }
}

/// What the text of a value says.
pub(super) fn decoded<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The length of a string's plain beginning: up to a quote, a backslash or a control character.
fn plain(bytes: &[u8]) -> usize {
    // Most strings are short; of a long one so many bytes at once become vector instructions.
    let (first, long) = bytes.split_at(bytes.len().min(BLOCK));
    let at = in_words(first);
    if at < BLOCK {
        return at;
    }
    let (blocks, _) = long.as_chunks::<BLOCK>();
    let is_plain = |block: &&[u8; BLOCK]| !block.iter().fold(false, |any, &byte| any | ends_plain(byte));
    let at = BLOCK + blocks.iter().take_while(is_plain).count() * BLOCK;
    at + in_words(bytes.get(at..).unwrap_or_default())
}

const BLOCK: usize = 32;

fn in_words(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let ends = ends_in(u64::from_le_bytes(*word));
        if ends != 0 {
            return at + ends.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + rest.iter().position(|&byte| ends_plain(byte)).unwrap_or(rest.len())
}

fn ends_plain(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < b' ')
}

/// The same of eight bytes at once. Of the highest bits of the bytes, the lowest that is set is that of the first such byte;
/// those above it may be wrong, since a subtraction borrows from them.
fn ends_in(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = |word: u64, byte: u8| word.wrapping_sub(ONES * u64::from(byte)) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, b' ') | equal(b'"') | equal(b'\\')) & (ONES * 0x80)
}

#[cfg(test)]
mod tests {
    use super::super::walk::{Nothing, walk};
    use super::*;

    fn read(text: &str) -> Result<(), String> {
        let mut json = Json::new(text.as_bytes())?;
        walk(&mut json, Nothing)?;
        json.end()
    }

    #[test]
    fn the_end_of_plain_text_is_found_wherever_it_stands() {
        for length in 0..100 {
            let mut bytes = vec![b'x'; length];
            assert_eq!(plain(&bytes), length);
            for at in 0..length {
                for end in [b'"', b'\\', 0, 0x1f] {
                    bytes[at] = end;
                    // What follows may look like another end.
                    bytes[at + 1..].fill(b'!');
                    assert_eq!(plain(&bytes), at, "{bytes:?}");
                }
                bytes.fill(b'x');
            }
        }
    }

    #[test]
    fn every_other_byte_is_plain() {
        let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        for byte in (0..=u8::MAX).filter(|byte| !is_end(byte)) {
            assert_eq!(plain(&[byte; 75]), 75, "{byte}");
        }
    }

    #[test]
    fn what_serde_json_reads_is_read_and_nothing_else() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let (deep, too_deep) = (nested(127), nested(128));
        let digits = "9".repeat(400);
        let texts = [
            "0",
            "-0",
            "01",
            "-",
            "1.",
            ".5",
            "1.5e",
            "1e+5",
            "1E-5",
            "1e308",
            "1e309",
            "-1e309",
            "0e999999999",
            "1.7976931348623159e308",
            "0.1e310",
            &digits,
            "tru",
            "truex",
            "nulL",
            "true",
            "null",
            "[]",
            "[ ]",
            "[,]",
            "[1,]",
            "[1 2]",
            "{}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{1:2}",
            "{\"a\":1 \"b\":2}",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\ud83d\\u0041\"",
            "\"\\ud83d\\n\"",
            "\"\\ude00\"",
            "\"\\u00g0\"",
            "\"\\u00\"",
            "\"\\u+123\"",
            "\"\\x\"",
            "\"\\",
            "\"",
            "\"\t\"",
            "\"a\"b",
            "\"é\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
            "",
            " ",
            "\u{feff}1",
            "\u{c}1",
            &deep,
            &too_deep,
        ];
        for text in texts {
            let theirs = serde_json::from_str::<serde_json::Value>(text);
            assert_eq!(read(text).is_ok(), theirs.is_ok(), "{text}: {theirs:?}");
        }
    }

    #[test]
    fn a_string_says_what_it_is_decoded_to() {
        let text = r#""a\u0062\ud83d\ude00\\""#;
        let mut json = Json::new(text.as_bytes()).unwrap();
        assert_eq!(json.string().unwrap().decoded().unwrap(), "ab😀\\");
    }
}
