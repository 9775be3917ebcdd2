//! Finds and decodes the strings of JSON text.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Decodes the text of a value.
pub(in crate::request) fn decoded<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A string in the text.
#[derive(Clone, Copy, Debug)]
pub(in crate::request) struct Token<'b> {
    text: &'b str,
    /// The lengths of the text from the first character on, and from the closing quote on.
    from: usize,
    to: usize,
    is_escaped: bool,
}

impl<'b> Token<'b> {
    /// The string in `text` between its opening quote, after which `inside` begins, and its closing quote, after which
    /// `rest` begins.
    #[inline(always)]
    pub(in crate::request) fn new(text: &'b str, inside: &[u8], rest: &[u8], is_escaped: bool) -> Self {
        Self { text, from: inside.len(), to: rest.len() + 1, is_escaped }
    }

    /// Decodes the string.
    #[inline(always)]
    pub(in crate::request) fn decoded(self) -> Result<Cow<'b, str>, String> {
        let (from, to) = (self.text.len() - self.from, self.text.len() - self.to);
        if self.is_escaped {
            return decoded(self.text.get(from - 1..=to).unwrap_or_default()).map(Cow::Owned);
        }
        Ok(Cow::Borrowed(self.text.get(from..to).unwrap_or_default()))
    }

    /// The string as written, without its quotes.
    #[inline(always)]
    pub(in crate::request) fn as_written(self) -> &'b str {
        let (from, to) = (self.text.len() - self.from, self.text.len() - self.to);
        self.text.get(from..to).unwrap_or_default()
    }

    /// Whether the string begins with the ASCII text `prefix`, ignoring case. Decodes only what it compares.
    #[inline]
    pub(in crate::request) fn begins_with(self, prefix: &str) -> bool {
        // The first character usually decides.
        let [first, ..] = self.as_written().as_bytes() else { return prefix.is_empty() };
        let may_begin = |expected: &u8| *first == b'\\' || first.eq_ignore_ascii_case(expected);
        prefix.as_bytes().first().is_none_or(may_begin) && self.behind(prefix).is_some()
    }

    /// Whether the string equals the ASCII text `word`, ignoring case.
    #[inline]
    pub(in crate::request) fn is(self, word: &str) -> bool {
        self.behind(word).is_some_and(<[u8]>::is_empty)
    }

    /// The text after `prefix`, as written.
    fn behind(self, prefix: &str) -> Option<&'b [u8]> {
        let mut rest = self.as_written().as_bytes();
        for expected in prefix.bytes() {
            let (found, behind) = match rest {
                [b'\\', b'u', ..] => (u8::try_from(unit(rest)?).ok()?, rest.get(6..)?),
                [b'\\', escaped, behind @ ..] => (*escaped, behind),
                [byte, behind @ ..] => (*byte, behind),
                [] => return None,
            };
            if !found.eq_ignore_ascii_case(&expected) {
                return None;
            }
            rest = behind;
        }
        Some(rest)
    }
}

/// A string that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) struct End<'b> {
    /// The text after its closing quote.
    pub(in crate::request) rest: &'b [u8],
    pub(in crate::request) is_escaped: bool,
}

/// An invalid string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) struct Wrong<'b> {
    /// The text from the first unexpected byte on.
    pub(in crate::request) rest: &'b [u8],
    pub(in crate::request) expected: &'static str,
}

/// Finds the end of a string. The input starts after the opening quote.
#[inline(always)]
pub(in crate::request) fn end(inside: &[u8]) -> Result<End<'_>, Wrong<'_>> {
    // Most strings are short, especially keys.
    if let Some([b'"', rest @ ..]) = inside.get(short(inside)..) {
        return Ok(End { rest, is_escaped: false });
    }
    long(inside)
}

/// Counts plain bytes among the first few bytes. The result may be too low.
#[inline(always)]
fn short(text: &[u8]) -> usize {
    let (words, _) = text.as_chunks::<8>();
    let mut at = 0;
    for word in words.iter().take(2) {
        let stops = stops_in_word(u64::from_le_bytes(*word));
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at
}

/// Finds the first byte among eight that is not plain text. The lowest highest-bit that is set marks the first quote,
/// backslash or control character. Higher marks may be wrong, because a subtraction borrows from them.
#[inline(always)]
fn stops_in_word(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = |word: u64, byte: u8| word.wrapping_sub(ONES * u64::from(byte)) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, b' ') | equal(b'"') | equal(b'\\')) & (ONES * 0x80)
}

#[inline(never)]
fn long(mut text: &[u8]) -> Result<End<'_>, Wrong<'_>> {
    let mut is_escaped = false;
    loop {
        let stops = match text.split_first_chunk() {
            Some((block, rest)) => match stops(block) {
                0 => {
                    text = rest;
                    continue;
                }
                stops => stops,
            },
            None => stops_at_the_end(text),
        };
        // The number of bytes read in the block. An escape may extend beyond the block.
        let mut read = 0;
        while read < BLOCK {
            let unread = stops >> read;
            if unread == 0 {
                read = BLOCK;
                break;
            }
            read += unread.trailing_zeros() as usize;
            match text.get(read..).unwrap_or_default() {
                [b'"', rest @ ..] => return Ok(End { rest, is_escaped }),
                rest @ [b'\\', ..] => {
                    read += escape(rest).ok_or(Wrong { rest, expected: "an escape" })?;
                    is_escaped = true;
                }
                rest => return Err(Wrong { rest, expected: "the end of a string" }),
            }
        }
        text = text.get(read..).unwrap_or_default();
    }
}

/// The compiler turns blocks of this size into vector instructions.
const BLOCK: usize = 32;

/// Finds special bytes in a block: one bit for each quote, backslash and control character.
fn stops(block: &[u8; BLOCK]) -> u32 {
    let mut stops = [0; BLOCK];
    for (stop, byte) in stops.iter_mut().zip(block) {
        *stop = u8::from((*byte == b'"') | (*byte == b'\\') | (*byte < b' '));
    }
    let (words, _) = stops.as_chunks::<8>();
    if words.iter().fold(0, |any, word| any | u64::from_ne_bytes(*word)) == 0 {
        return 0;
    }
    // The multiplication collects the lowest bits of eight bytes in the highest byte.
    let gathered = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    words.iter().rev().fold(0, |bits, word| bits << 8 | gathered(word) as u32)
}

/// The same for the last bytes of a text. The end of the text also ends plain text.
#[cold]
fn stops_at_the_end(rest: &[u8]) -> u32 {
    let mut block = [0; BLOCK];
    block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    stops(&block)
}

/// The length of the escape at the start of the text, or of two escapes that form one character.
fn escape(text: &[u8]) -> Option<usize> {
    match text.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => match unit(text)? {
            0xd800..=0xdbff => matches!(unit(text.get(6..)?)?, 0xdc00..=0xdfff).then_some(12),
            0xdc00..=0xdfff => None,
            _ => Some(6),
        },
        _ => None,
    }
}

/// The UTF-16 code unit of the `\u` escape at the start of the text.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.first_chunk::<4>()?;
    let digit = |byte: u8| DIGITS.get(usize::from(byte)).map_or(-1, |digit| i32::from(*digit));
    let [a, b, c, d] = digits.map(digit);
    u16::try_from(a << 12 | b << 8 | c << 4 | d).ok()
}

/// The value of each hexadecimal digit. Other bytes are negative, and so is any number composed with them.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
static DIGITS: [i8; 256] = {
    let mut digits = [-1; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value];
        digits[digit as usize] = value as i8;
        digits[digit.to_ascii_uppercase() as usize] = value as i8;
        value += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The length of the string's content, given the text after the opening quote, and whether it has escapes.
    fn inside(text: &[u8]) -> Option<(usize, bool)> {
        end(text).ok().map(|end| (text.len() - end.rest.len() - 1, end.is_escaped))
    }

    #[test]
    fn the_end_is_found_wherever_it_stands() {
        for length in 0..100 {
            // The text after it may look like another end.
            let text = [vec![b'x'; length], b"\"!\"\\\0x".to_vec()].concat();
            for cut in length + 1..=text.len() {
                assert_eq!(inside(&text[..cut]), Some((length, false)), "{length} of {cut}");
            }
            assert_eq!(inside(&text[..length]), None, "{length}");
        }
    }

    #[test]
    fn every_byte_but_quotes_backslashes_and_control_characters_is_plain() {
        for byte in 0..=u8::MAX {
            for before in [0, 7, 31, 32, 50] {
                let text = [&vec![b'x'; before][..], &[byte], &[b'x'; 40], b"\""].concat();
                let length = match byte {
                    b'"' => Some(before),
                    b'\\' | 0..0x20 => None,
                    _ => Some(before + 41),
                };
                assert_eq!(inside(&text), length.map(|length| (length, false)), "{byte} behind {before}");
            }
        }
    }

    #[test]
    fn an_escape_is_read_wherever_a_block_ends() {
        for before in 0..100 {
            for escape in [r"\n", r#"\""#, r"\\", r"\\\\", r"\u00e9", r"\ud83d\ude00", r"\uDBFF\uDFFF\\"] {
                let text = format!("{}{escape}\"\"", "x".repeat(before));
                let length = before + escape.len();
                assert_eq!(inside(text.as_bytes()), Some((length, true)), "{text}");
                for cut in 0..=length {
                    assert_eq!(inside(&text.as_bytes()[..cut]), None, "{text} up to {cut}");
                }
            }
            for escape in [r"\x", r"\u00g0", r"\u+123", r"\ud83d", r"\ud83d\n", r"\ud83d\u0041", r"\ude00"] {
                let text = format!("{}{escape}\"", "x".repeat(before));
                let wrong = Wrong { rest: &text.as_bytes()[before..], expected: "an escape" };
                assert_eq!(end(text.as_bytes()), Err(wrong), "{text}");
            }
        }
    }

    #[test]
    fn a_string_is_one_where_serde_json_reads_one() {
        let pieces = ["x", "é", r"\n", r"\\", "\\", r"\u00e9", r"\ud83d", r"\ude00", r"\u12", "\"", "\u{1}"];
        for before in [0, 5, 13, 25, 29, 31] {
            for number in 0..pieces.len().pow(3) {
                let piece = |at| pieces[number / pieces.len().pow(at) % pieces.len()];
                let inside = format!("{}{}{}{}\"", "x".repeat(before), piece(0), piece(1), piece(2));
                let ours = end(inside.as_bytes()).is_ok_and(|end| end.rest.is_empty());
                let theirs = serde_json::from_str::<String>(&format!("\"{inside}")).is_ok();
                assert_eq!(ours, theirs, "{inside}");
            }
        }
    }

    #[test]
    fn a_string_is_compared_as_it_is_decoded() {
        for (text, word, begins, is) in [
            (r"data:x", "data:", true, false),
            (r"D\u0041ta\u003a", "data:", true, true),
            (r"image\/png", "image/", true, false),
            (r"dat", "data:", false, false),
            (r"\ndata:", "data:", false, false),
            (r"\u0164ata:", "data:", false, false),
            (r"dat\u00e1", "data", false, false),
        ] {
            let inside = format!("{text}\"");
            let whole = format!("\"{inside}");
            let token = Token::new(&whole, inside.as_bytes(), b"", true);
            assert_eq!((token.begins_with(word), token.is(word)), (begins, is), "{text}");
        }
    }

    #[test]
    fn every_byte_is_a_digit_or_none() {
        for byte in 0..=u8::MAX {
            let text = [b'\\', b'u', b'0', byte, b'0', b'0'];
            let value = char::from(byte).to_digit(16).map(|value| u16::try_from(value * 256).unwrap());
            assert_eq!(unit(&text), value, "{byte}");
        }
    }
}
