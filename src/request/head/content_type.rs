//! Determines the format of a body from its content type.

use http::HeaderValue;

use crate::request::malformed::Malformed;

/// The format of a body.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::request) enum Kind {
    /// One strict JSON object.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data` with this boundary.
    Multipart { boundary: String },
    /// Any type other than a form. The body may still be JSON.
    Other,
}

impl Kind {
    /// Returns the format that a `Content-Type` announces.
    pub(in crate::request) fn of(content_type: Option<&HeaderValue>) -> Result<Self, Malformed> {
        let Some(value) = content_type else { return Ok(Self::Json) };
        Self::parse(value.to_str().map_err(|_| UNSUPPORTED)?)
    }

    fn parse(text: &str) -> Result<Self, Malformed> {
        if text == "application/json" {
            return Ok(Self::Json);
        }
        let (essence, parameters) = text.split_once(';').map_or((text, None), |(e, p)| (e, Some(p)));
        let essence = essence.trim();
        // Only lower case is accepted, because a few readers do not recognize a form otherwise.
        if essence == "multipart/form-data" {
            return boundary(parameters.unwrap_or_default()).map(|boundary| Self::Multipart { boundary });
        }
        // A reader may decode the bytes with the given charset, and UTF-7 turns plain text into different JSON.
        if !parameters.is_none_or(is_utf8) {
            return Err(Malformed::Unsupported("charset"));
        }
        if essence == "application/x-www-form-urlencoded" {
            return Ok(Self::Form);
        }
        // Some readers search for these words anywhere in the type.
        let (lower, essence) = (text.to_ascii_lowercase(), essence.to_ascii_lowercase());
        if lower.contains("multipart") || lower.contains("urlencoded") {
            return Err(UNSUPPORTED);
        }
        let is_json =
            matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json");
        Ok(if is_json { Self::Json } else { Self::Other })
    }
}

const UNSUPPORTED: Malformed = Malformed::Unsupported("content type");

fn is_utf8(parameters: &str) -> bool {
    let mut charsets = parameters
        .split(';')
        .map(|parameter| parameter.trim().to_ascii_lowercase())
        .filter(|parameter| parameter.starts_with("charset"));
    let first = charsets.next();
    charsets.next().is_none() && first.is_none_or(|charset| UTF8.contains(&charset.as_str()))
}

const UTF8: [&str; 3] = ["charset=utf-8", "charset=\"utf-8\"", "charset=utf8"];

/// Parses the boundary parameter of a multipart type (RFC 2046 section 5.1.1). Accepts only boundaries that all readers
/// parse alike.
fn boundary(parameters: &str) -> Result<String, Malformed> {
    let bad = |why: &str| Malformed::Body(format!("its content type {why}"));
    let mut found = None;
    for parameter in parameters.split(';') {
        let parameter = parameter.trim_matches([' ', '\t']);
        let (name, value) = parameter.split_once('=').ok_or_else(|| bad("has a broken parameter"))?;
        if name.eq_ignore_ascii_case("charset") && UTF8.contains(&parameter.to_ascii_lowercase().as_str()) {
            continue;
        }
        if !name.eq_ignore_ascii_case("boundary") {
            return Err(bad("has a parameter beside the boundary"));
        }
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        // An unquoted value may only contain token characters, which are fewer than a boundary's.
        let (value, allowed) = quoted.map_or((value, "'+_-."), |value| (value, "'()+_,-./:=?"));
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || allowed.contains(c);
        if !(1..=MAX_BOUNDARY).contains(&value.len()) || !value.chars().all(is_allowed) {
            return Err(bad("has an invalid boundary"));
        }
        if found.replace(value).is_some() {
            return Err(bad("has two boundaries"));
        }
    }
    found.map(str::to_owned).ok_or_else(|| bad("has no boundary"))
}

const MAX_BOUNDARY: usize = 70;

#[cfg(test)]
mod tests {
    use super::*;

    fn boundary_of(parameters: &str) -> Option<String> {
        match Kind::parse(&format!("multipart/form-data{parameters}")) {
            Ok(Kind::Multipart { boundary }) => Some(boundary),
            _ => None,
        }
    }

    #[test]
    fn a_boundary_may_be_quoted() {
        assert_eq!(boundary_of("; boundary=----a1").as_deref(), Some("----a1"));
        assert_eq!(boundary_of(";BOUNDARY=\"=_a/b\"; charset=UTF-8").as_deref(), Some("=_a/b"));
    }

    #[test]
    fn a_boundary_that_may_be_read_in_two_ways_is_refused() {
        let long = format!("; boundary={}", "a".repeat(71));
        for parameters in [
            "",
            ";",
            "; boundary=",
            "; boundary=\"\"",
            "; boundary=a b",
            "; boundary=\"a b\"",
            "; boundary=\"a",
            "; boundary=a\"b\"",
            "; boundary=\"a\\b\"",
            "; boundary='a';",
            "; boundary =a",
            "; boundary= a",
            "; boundary*=utf-8''a",
            "; boundary*0=a",
            "; boundary=a; boundary=a",
            "; boundary=a; boundary=b",
            "; boundary=a; charset=utf-16",
            "; boundary=a, boundary=b",
            "; boundary=é",
            &long,
        ] {
            assert_eq!(boundary_of(parameters), None, "{parameters}");
        }
    }

    #[test]
    fn a_type_that_may_be_taken_for_a_form_is_not_supported() {
        for text in [
            "multipart/mixed; boundary=a",
            "text/plain, multipart/form-data",
            "x/x-www-form-urlencoded",
            "Multipart/form-data; boundary=a",
        ] {
            assert_eq!(Kind::parse(text), Err(UNSUPPORTED), "{text}");
        }
    }

    #[test]
    fn a_charset_other_than_utf8_is_not_supported() {
        assert_eq!(Kind::parse("application/json; charset=UTF-8"), Ok(Kind::Json));
        for text in [
            "application/json;charset=utf-7",
            "application/json; x=y; charset=utf-16",
            "application/json; charset=utf-8; charset=utf-7",
            "application/x-www-form-urlencoded; charset=utf-16",
            "text/plain; charset*=utf-7",
        ] {
            assert_eq!(Kind::parse(text), Err(Malformed::Unsupported("charset")), "{text}");
        }
    }
}
