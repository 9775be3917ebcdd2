//! Normalizes paths. The normalized path is both judged and forwarded; other paths are refused.

use std::fmt;
use std::fmt::Write as _;

use super::model_path::begins_model;
use crate::request::malformed::Malformed;

/// A normalized path: decoded for matching, and encoded in one way for forwarding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoutePath {
    decoded: String,
    /// Whether a segment begins like one before a model. It follows from the path.
    may_name_model: bool,
}

impl RoutePath {
    /// Parses the path of a request.
    ///
    /// # Errors
    ///
    /// [`Malformed::Path`] if another reader might see another path: empty or dot segments, an encoded slash,
    /// backslash, percent sign, semicolon or control character, an invalid escape, or bytes that are not UTF-8.
    pub fn parse(raw: &str) -> Result<Self, Malformed> {
        match ordinary(raw) {
            Some(may_name_model) => Ok(Self { decoded: raw.to_owned(), may_name_model }),
            None => Self::parse_any(raw),
        }
    }

    fn parse_any(raw: &str) -> Result<Self, Malformed> {
        if !raw.starts_with('/') {
            return Err(Malformed::Path("it does not begin with a slash"));
        }
        let decoded = decode(raw)?;
        let mut segments = decoded.split('/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            if segment.is_empty() && segments.peek().is_some() {
                return Err(Malformed::Path("it has an empty segment"));
            }
            // Some servers drop the text after a semicolon, so `..;` and the like are dot segments to them.
            if matches!(segment.trim(), "." | "..") {
                return Err(Malformed::Path("it has a dot segment"));
            }
        }
        let may_name_model = decoded.split('/').skip(1).any(|segment| begins_model(segment.as_bytes()));
        Ok(Self { decoded, may_name_model })
    }

    /// Whether the path may name a model. If not, [`path_model`](super::model_path::path_model) finds none.
    pub(in crate::request) fn may_name_model(&self) -> bool {
        self.may_name_model
    }

    /// The path, decoded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.decoded
    }

    /// The path as it is forwarded.
    #[must_use]
    pub fn encoded(&self) -> String {
        encode(&self.decoded)
    }
}

impl fmt::Display for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.encoded())
    }
}

/// Returns whether the path may name a model, if it contains nothing to decode and nothing ambiguous. Nearly all paths are such.
fn ordinary(raw: &str) -> Option<bool> {
    let mut rest = raw.as_bytes();
    let mut may_name_model = false;
    while let [byte, behind @ ..] = rest {
        // No segment is empty or may be a dot segment.
        let is_plain = match byte {
            b'/' => {
                may_name_model |= begins_model(behind);
                !matches!(behind, [b'/' | b'.', ..])
            }
            _ => ORDINARY.get(usize::from(*byte)) == Some(&true),
        };
        if !is_plain {
            return None;
        }
        rest = behind;
    }
    raw.starts_with('/').then_some(may_name_model)
}

/// The characters of an ordinary path, besides slashes.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
static ORDINARY: [bool; 256] = {
    let mut ordinary = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        ordinary[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        byte += 1;
    }
    ordinary
};

fn decode(raw: &str) -> Result<String, Malformed> {
    if !raw.contains('%') {
        return if raw.chars().all(is_plain) { Ok(raw.to_owned()) } else { Err(CHARACTER) };
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let escape = hex(rest.next()).zip(hex(rest.next()));
        let (high, low) = escape.ok_or(Malformed::Path("it has a broken escape"))?;
        let decoded = high * 16 + low;
        if decoded == b'/' {
            return Err(Malformed::Path("it has an encoded slash"));
        }
        bytes.push(decoded);
    }
    let decoded = String::from_utf8(bytes).map_err(|_| Malformed::Path("it is not UTF-8"))?;
    if decoded.chars().all(is_plain) { Ok(decoded) } else { Err(CHARACTER) }
}

const CHARACTER: Malformed =
    Malformed::Path("it has a backslash, percent sign, semicolon, query or control character");

/// The characters of a decoded path. The next reader could decode a `%` again, and `;` begins parameters for some
/// servers.
fn is_plain(c: char) -> bool {
    !c.is_control() && !matches!(c, '\\' | '%' | ';' | '?' | '#')
}

fn hex(digit: Option<u8>) -> Option<u8> {
    char::from(digit?).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn encode(decoded: &str) -> String {
    let mut out = String::with_capacity(decoded.len());
    for byte in decoded.bytes() {
        // RFC 3986 `pchar` without `;` and escapes, plus the slash.
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,=:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &str) -> Option<String> {
        RoutePath::parse(raw).ok().map(|path| path.encoded())
    }

    #[test]
    fn escapes_of_plain_characters_are_undone() {
        assert_eq!(parse("/v1/%63hat/completions").as_deref(), Some("/v1/chat/completions"));
    }

    #[test]
    fn what_needs_an_escape_is_escaped_in_one_way() {
        assert_eq!(parse("/engines/caf%c3%a9 x").as_deref(), Some("/engines/caf%C3%A9%20x"));
    }

    #[test]
    fn an_ordinary_path_is_as_it_is_decoded() {
        let pieces = ["/", "a", ".", ":", "_", "-", " ", "%61", ";", "é", "\\"];
        for count in 0..5 {
            for number in 0..pieces.len().pow(count) {
                let piece = |at| pieces[number / pieces.len().pow(at) % pieces.len()];
                let raw: String = (0..count).map(piece).collect();
                if ordinary(&raw).is_some() {
                    let path = RoutePath::parse_any(&raw).unwrap();
                    assert_eq!((path.as_str(), path.encoded()), (&*raw, raw.clone()), "{raw}");
                    assert_eq!(RoutePath::parse(&raw), Ok(path), "{raw}");
                }
            }
        }
        assert_eq!(
            (ordinary("/v1/chat/completions"), ordinary("/"), ordinary("/models/a")),
            (Some(false), Some(false), Some(true))
        );
    }

    #[test]
    fn a_trailing_slash_is_kept() {
        assert_eq!(parse("/v1/models/").as_deref(), Some("/v1/models/"));
    }

    #[test]
    fn the_forwarded_form_parses_to_itself() {
        for raw in ["/", "/v1/models", "/engines/a%20b/x", "/models/a:b"] {
            let path = RoutePath::parse(raw).unwrap();
            assert_eq!(RoutePath::parse(&path.encoded()).unwrap(), path);
        }
    }

    #[test]
    fn a_path_with_two_readings_is_refused() {
        for raw in [
            "",
            "v1/models",
            "//v1/models",
            "/v1//models",
            "/v1/./models",
            "/v1/../models",
            "/v1/%2e%2e/models",
            "/v1/%2E/models",
            "/v1%2fmodels",
            "/v1%2Fmodels",
            "/v1%5cmodels",
            "/v1\\models",
            "/v1/models%00",
            "/v1/models;x",
            "/v1/models%3bx",
            "/v1/%252e%252e/models",
            "/v1/models%",
            "/v1/models%2",
            "/v1/models%zz",
            "/v1/models%ff",
            "/v1/models%0a",
            "/v1/models%3f",
            "/v1/models%23",
            "/v1/..",
            "/v1/.. /x",
            "*",
        ] {
            assert_eq!(parse(raw), None, "{raw}");
        }
    }
}
