//! Scans JSON text once and strictly. Only values that a caller examines are decoded.
//!
//! The limits and the grammar are those of `serde_json`, which decodes the examined values and the few numbers that may
//! be out of range. Unlike `IgnoredAny` of `serde_json`, skipped values are validated too: depth is counted and a lone
//! surrogate is refused everywhere.

use super::token::{self, Token, decoded};

/// The maximum nesting depth, equal to that of `serde_json`.
pub(in crate::request) const MAX_DEPTH: usize = 127;

/// A number with at most this many digits is always in range.
const DIGITS_IN_RANGE: usize = 300;

/// The type of a value, determined from its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Kind {
    Object,
    List,
    Text,
    Number,
    Bool,
    Null,
}

/// A text and the part of it that is still unread.
#[derive(Debug)]
pub(in crate::request) struct Json<'b> {
    text: &'b str,
    rest: &'b [u8],
    depth: usize,
}

impl<'b> Json<'b> {
    /// A scanner at the beginning of the text.
    ///
    /// # Errors
    ///
    /// The text is not UTF-8.
    pub(in crate::request) fn new(bytes: &'b [u8]) -> Result<Self, String> {
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        Ok(Self { text, rest: text.as_bytes(), depth: 0 })
    }

    /// The whole text.
    pub(in crate::request) fn text(&self) -> &'b str {
        self.text
    }

    /// Moves to the next value and returns its type.
    pub(in crate::request) fn next_kind(&mut self) -> Result<Kind, String> {
        self.skip_blanks();
        Ok(match self.rest.first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::List,
            Some(b'"') => Kind::Text,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => return self.refused("a value"),
        })
    }

    /// Reads an object. Calls `member` with each key; `member` must read the value.
    pub(in crate::request) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Token<'b>) -> Result<(), String>,
    ) -> Result<(), String> {
        self.skip_blanks();
        self.open(b'{', "an object")?;
        self.members(b'}', |json| {
            json.skip_blanks();
            let key = json.string()?;
            json.skip_blanks();
            json.take(b':', "a colon")?;
            member(json, key)
        })
    }

    /// Reads a list. `element` must read a value.
    pub(in crate::request) fn list(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.open(b'[', "a list")?;
        self.members(b']', element)
    }

    /// Reads a string.
    #[inline(always)]
    pub(in crate::request) fn string(&mut self) -> Result<Token<'b>, String> {
        let [b'"', inside @ ..] = self.rest else { return self.refused("a string") };
        match token::end(inside) {
            Ok(token::End { rest, is_escaped }) => {
                self.rest = rest;
                Ok(Token::new(self.text, inside, rest, is_escaped))
            }
            Err(token::Wrong { rest, expected }) => {
                self.rest = rest;
                self.refused(expected)
            }
        }
    }

    /// Reads a number and returns its text.
    pub(in crate::request) fn number(&mut self) -> Result<&'b str, String> {
        let (start, bytes) = (self.at(), self.rest);
        let is_at = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
        let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let mut at = usize::from(is_at(0, b'-'));
        let whole = digits(at);
        if whole == 0 || (whole > 1 && is_at(at, b'0')) {
            self.pass(at + whole);
            return self.refused(if whole == 0 { "a digit" } else { "no zero before a number" });
        }
        at += whole;
        if is_at(at, b'.') {
            let decimals = digits(at + 1);
            at += 1 + decimals;
            if decimals == 0 {
                self.pass(at);
                return self.refused("a digit");
            }
        }
        let is_scaled = is_at(at, b'e') || is_at(at, b'E');
        if is_scaled {
            at += 1;
            at += usize::from(is_at(at, b'+') || is_at(at, b'-'));
            let scale = digits(at);
            at += scale;
            if scale == 0 {
                self.pass(at);
                return self.refused("a digit");
            }
        }
        self.pass(at);
        let text = self.text.get(start..start + at).unwrap_or_default();
        if is_scaled || whole > DIGITS_IN_RANGE {
            decoded::<f64>(text)?;
        }
        Ok(text)
    }

    /// Reads `true`, `false` or `null`. `null` is `None`.
    pub(in crate::request) fn word(&mut self) -> Result<Option<bool>, String> {
        let (value, rest) = match self.rest {
            [b't', b'r', b'u', b'e', rest @ ..] => (Some(true), rest),
            [b'n', b'u', b'l', b'l', rest @ ..] => (None, rest),
            [b'f', b'a', b'l', b's', b'e', rest @ ..] => (Some(false), rest),
            _ => return self.refused("a value"),
        };
        self.rest = rest;
        Ok(value)
    }

    /// Calls `read` for the next value. Returns the value's position and text.
    pub(in crate::request) fn spanned(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(usize, &'b str), String> {
        self.skip_blanks();
        let start = self.at();
        read(self)?;
        Ok((start, self.text.get(start..self.at()).unwrap_or_default()))
    }

    /// Reads the end of the text.
    pub(in crate::request) fn end(&mut self) -> Result<(), String> {
        self.skip_blanks();
        if self.rest.is_empty() { Ok(()) } else { self.refused("nothing more") }
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

    #[inline(always)]
    fn open(&mut self, byte: u8, what: &str) -> Result<(), String> {
        self.take(byte, what)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err("it is nested too deeply".to_owned()) } else { Ok(()) }
    }

    /// The number of bytes read so far.
    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn skip_blanks(&mut self) {
        while let [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn skip(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Moves on by this many bytes.
    fn pass(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    fn take(&mut self, byte: u8, what: &str) -> Result<(), String> {
        if self.skip(byte) { Ok(()) } else { self.refused(what) }
    }

    #[cold]
    #[inline(never)]
    fn refused<T>(&self, expected: &str) -> Result<T, String> {
        Err(format!("{expected} is expected at byte {}", self.at()))
    }
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
