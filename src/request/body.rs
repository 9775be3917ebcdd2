//! Which reader a body gets.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::Malformed;
use super::json::{self, Content};

/// Reads what a body says about models.
///
/// A body that any upstream could take for JSON must be one strict JSON object, whatever its content type says:
/// LiteLLM, for one, does not look at the type.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Content, Malformed> {
    if body.is_empty() {
        return Ok(Content::default());
    }
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Malformed::Unsupported("encoding"));
    }
    match kind(headers)? {
        Kind::Json => json::read(body).map_err(Malformed::Body),
        Kind::Form => Err(Malformed::Unsupported("content type")),
        Kind::Other if may_be_json(body) => json::read(body).map_err(Malformed::Body),
        Kind::Other => Ok(Content::default()),
    }
}

enum Kind {
    Json,
    Form,
    Other,
}

fn kind(headers: &HeaderMap) -> Result<Kind, Malformed> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let Some(value) = values.next() else { return Ok(Kind::Json) };
    if values.next().is_some() {
        return Err(Malformed::Body("two content types are given".to_owned()));
    }
    let text = value.to_str().map_err(|_| Malformed::Unsupported("content type"))?;
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Ok(match essence.as_str() {
        "application/json" | "text/json" => Kind::Json,
        "multipart/form-data" | "application/x-www-form-urlencoded" => Kind::Form,
        json if json.ends_with("+json") => Kind::Json,
        _ => Kind::Other,
    })
}

/// Whether the first character is a brace or bracket in any encoding that a lenient reader may guess.
fn may_be_json(body: &[u8]) -> bool {
    let skipped =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xff | 0xfe);
    body.iter().find(|byte| !skipped(byte)).is_some_and(|byte| matches!(byte, b'{' | b'[' | b'/'))
}
