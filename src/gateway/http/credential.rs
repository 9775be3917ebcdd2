//! Removes the caller's credential from the query and the body of a forwarded request.

use std::borrow::Cow;
use std::ops::Range;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use memchr::memmem;
use percent_encoding::percent_decode_str;

use super::error_response::Refusal;
use super::segmented_body::SegmentedBody;
use crate::authn::is_jwt_shaped;
use crate::request::Malformed;

/// Replacements of byte ranges, from the last to the first.
pub(in crate::gateway) type Edits = Vec<(Range<usize>, Cow<'static, str>)>;

/// The minimum length to search for. A shorter credential may occur in a body by chance.
const SHORTEST: usize = 8;
/// The maximum number of occurrences in one body. No client needs more.
const MOST: usize = 64;

/// Parameters whose value is always a credential. `key` is not among them, because LiteLLM's management
/// routes accept other keys in it.
const PARAMETERS: [&str; 6] =
    ["access_token", "api-key", "api_key", "apikey", "subscription-key", "x-api-key"];

/// Removes the parameters that contain a credential from the query. For a deployment, `key` is removed too,
/// because Google reads it as a credential.
pub(in crate::gateway) fn clean_query<'q>(
    query: Cow<'q, str>,
    credential: Option<&[u8]>,
    is_deployment: bool,
) -> Option<Cow<'q, str>> {
    let holds_one = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        let name = name.trim_ascii().to_ascii_lowercase();
        PARAMETERS.iter().any(|known| name == known.as_bytes())
            || (name == b"key" && (is_deployment || is_jwt_shaped(&value)))
            || credential.is_some_and(|credential| repeats(&value, credential))
    };
    let pairs = || query.split('&');
    if !pairs().any(holds_one) {
        return Some(query);
    }
    let kept: Vec<&str> = pairs().filter(|pair| !holds_one(pair)).collect();
    (!kept.is_empty()).then(|| Cow::Owned(kept.join("&")))
}

fn decoded(text: &str) -> Cow<'_, [u8]> {
    percent_decode_str(text).into()
}

fn repeats(value: &[u8], credential: &[u8]) -> bool {
    value == credential || (credential.len() >= SHORTEST && memmem::find(value, credential).is_some())
}

/// The edits of a body: the model's name, and values that equal the credential.
pub(in crate::gateway) fn edits(
    body: &SegmentedBody,
    headers: &HeaderMap,
    credential: Option<&[u8]>,
    renamed: Option<(Range<usize>, String)>,
) -> Result<Edits, Refusal> {
    let mut edits: Edits = renamed.into_iter().map(|(range, text)| (range, text.into())).collect();
    let Some(credential) = credential.filter(|credential| credential.len() >= SHORTEST) else {
        return Ok(edits);
    };
    let found = occurrences(body, credential);
    if found.is_empty() {
        return Ok(edits);
    }
    if found.len() > MOST {
        return Err(Malformed::Body("it repeats the credential too often".to_owned()).into());
    }
    let kind = Kind::of(headers);
    let renamed = edits.first().map(|(range, _)| range.clone()).unwrap_or_default();
    let is_apart = |edit: &(Range<usize>, _)| edit.0.end <= renamed.start || edit.0.start >= renamed.end;
    edits.extend(found.into_iter().filter_map(|range| kind.edit(body, range)).filter(is_apart));
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    Ok(edits)
}

/// The format that delimits the values of a body.
#[derive(Clone, Copy)]
enum Kind {
    Json,
    Form,
    Multipart,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Self {
        let text =
            headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase()).unwrap_or_default();
        if text.starts_with(b"multipart/") {
            Self::Multipart
        } else if text.starts_with(b"application/x-www-form-urlencoded") {
            Self::Form
        } else {
            Self::Json
        }
    }

    /// The replacement for the credential at `range`, if the credential is a whole value there.
    fn edit(self, body: &SegmentedBody, range: Range<usize>) -> Option<(Range<usize>, Cow<'static, str>)> {
        let before = body.slice(range.start.saturating_sub(4)..range.start);
        let behind = body.slice(range.end..range.end.saturating_add(4));
        match self {
            Self::Form => {
                let is_value = before.ends_with(b"=") && (behind.is_empty() || behind.starts_with(b"&"));
                return is_value.then_some((range, Cow::Borrowed("")));
            }
            Self::Multipart if before == b"\r\n\r\n" && behind == b"\r\n--" => {
                return Some((range, "".into()));
            }
            Self::Multipart | Self::Json => {}
        }
        if !before.ends_with(b"\"") || !behind.starts_with(b"\"") {
            return None;
        }
        // In JSON, a string before a colon is a name, and there are no other names.
        let rest = body.slice(range.end + 1..range.end.saturating_add(64));
        let is_name = rest.trim_ascii_start().starts_with(b":");
        let text = if is_name { "\"\"" } else { "null" };
        Some((range.start - 1..range.end + 1, text.into()))
    }
}

/// Finds the credential in a body, even across the boundaries of its segments.
fn occurrences(body: &SegmentedBody, credential: &[u8]) -> Vec<Range<usize>> {
    let length = credential.len();
    let mut found = Vec::new();
    if body.len() < length {
        return found;
    }
    // The end of the previous segments. It is too short to contain a whole credential.
    let (mut tail, mut at): (Vec<u8>, usize) = (Vec::new(), 0);
    let mut pieces = body.iter().peekable();
    // The search uses the end of the credential, because many tokens share their beginning.
    let sought = credential.get(length.saturating_sub(32)..).unwrap_or(credential);
    let finder = memmem::Finder::new(sought);
    while let Some(piece) = pieces.next() {
        if found.len() > MOST {
            break;
        }
        if !tail.is_empty() {
            let overlap = piece.get(..piece.len().min(length - 1)).unwrap_or_default();
            let joint = [tail.as_slice(), overlap].concat();
            found.extend(memmem::find_iter(&joint, credential).map(|start| {
                let start = at - tail.len() + start;
                start..start + length
            }));
        }
        for end in finder.find_iter(piece).map(|start| start + sought.len()).take(MOST + 1) {
            if let Some(start) = end.checked_sub(length)
                && piece.get(start..end) == Some(credential)
            {
                found.push(at + start..at + end);
            }
        }
        at += piece.len();
        if pieces.peek().is_none() {
            break;
        }
        tail.extend_from_slice(piece.get(piece.len().saturating_sub(length - 1)..).unwrap_or_default());
        tail.drain(..tail.len().saturating_sub(length - 1));
    }
    found
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;

    use super::*;

    const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl";

    fn cleaned(query: &str, is_deployment: bool) -> Option<String> {
        clean_query(query.into(), Some(TOKEN.as_bytes()), is_deployment).map(Cow::into_owned)
    }

    #[test]
    fn a_query_without_a_credential_stays_as_it_is() {
        let query = "alt=sse&a=%20&b&model=x&=y&&keyword=z";
        assert_eq!(cleaned(query, true).as_deref(), Some(query));
        assert!(matches!(clean_query(query.into(), None, true), Some(Cow::Borrowed(_))));
    }

    #[test]
    fn parameters_that_hold_a_credential_are_left_out() {
        for name in ["key", "access_token", "api_key", "api-key", "API_KEY", "token", "x", "%61pi_key"] {
            assert_eq!(cleaned(&format!("alt=sse&{name}={TOKEN}&b=1"), true).as_deref(), Some("alt=sse&b=1"));
            assert_eq!(cleaned(&format!("{name}={TOKEN}"), false), None);
        }
        let escaped = TOKEN.replace('.', "%2E");
        assert_eq!(cleaned(&format!("x=Bearer%20{escaped}&a=b"), false).as_deref(), Some("a=b"));
        assert_eq!(cleaned("access_token=another&a=b", false).as_deref(), Some("a=b"));
    }

    #[test]
    fn a_key_that_management_routes_ask_about_passes_to_a_proxy_alone() {
        assert_eq!(cleaned("key=sk-other", false).as_deref(), Some("key=sk-other"));
        assert_eq!(cleaned("key=AIza-other&alt=sse", true).as_deref(), Some("alt=sse"));
        assert_eq!(cleaned("key=e30.e30.c2ln", false), None, "another token");
    }

    fn edited(kind: &'static str, body: &str, cut: usize, model: Option<(Range<usize>, String)>) -> String {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let (first, second) = body.as_bytes().split_at(cut);
        let pieces = SegmentedBody::of([first, second].map(Bytes::copy_from_slice));
        let edits = edits(&pieces, &headers, Some(TOKEN.as_bytes()), model).unwrap();
        let edited = edits.into_iter().fold(pieces, |body, (range, text)| body.replaced(range, &text));
        String::from_utf8(edited.iter().flat_map(|piece| piece.to_vec()).collect()).unwrap()
    }

    #[test]
    fn a_member_that_is_the_credential_is_null_wherever_pieces_end() {
        let body =
            format!(r#"{{"model": "a", "api_key" : "{TOKEN}", "x": ["{TOKEN}"], "text": "is {TOKEN}."}}"#);
        let expected =
            format!(r#"{{"model": "gpt-4o", "api_key" : null, "x": [null], "text": "is {TOKEN}."}}"#);
        for cut in 0..=body.len() {
            let renamed = Some((10..13, "\"gpt-4o\"".to_owned()));
            assert_eq!(edited("application/json", &body, cut, renamed), expected, "{cut}");
        }
    }

    #[test]
    fn a_name_that_is_the_credential_is_empty() {
        let body = format!(r#"{{"{TOKEN}" : 1}}"#);
        assert_eq!(edited("application/json", &body, 0, None), r#"{"" : 1}"#);
    }

    #[test]
    fn a_field_that_is_the_credential_is_empty() {
        let form = format!("model=a&api_key={TOKEN}&b=x{TOKEN}");
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        assert_eq!(edited(kind, &form, 20, None), format!("model=a&api_key=&b=x{TOKEN}"));
        assert_eq!(edited(kind, &format!("api_key={TOKEN}"), 3, None), "api_key=");
        let part = |value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\n{value}\r\n--b--\r\n")
        };
        for cut in [0, 60, 70, part(TOKEN).len()] {
            assert_eq!(edited("multipart/form-data; boundary=b", &part(TOKEN), cut, None), part(""));
        }
    }

    #[test]
    fn what_repeats_it_again_and_again_is_refused() {
        let body = format!("[{}]", vec![format!("\"{TOKEN}\""); MOST + 1].join(","));
        let pieces = SegmentedBody::of([Bytes::from(body)]);
        assert!(edits(&pieces, &HeaderMap::new(), Some(TOKEN.as_bytes()), None).is_err());
    }

    #[test]
    fn a_short_credential_is_not_looked_for() {
        let pieces = SegmentedBody::of([Bytes::from_static(b"[\"k\"]")]);
        assert!(edits(&pieces, &HeaderMap::new(), Some(b"k"), None).unwrap().is_empty());
    }
}
