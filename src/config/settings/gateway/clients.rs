//! The client-visible form of answers: `modelgate.denied_model` and `modelgate.cors`.

use http::{HeaderValue, StatusCode};
use url::Url;

use crate::config::problem::Problem;
use crate::config::raw;
use crate::config::settings::context::Context;
use crate::config::settings::types::{Cors, DeniedModel};

const LONGEST_CODE: usize = 64;

/// `modelgate.denied_model`.
pub(super) fn denied_model(cx: &mut Context<'_>, block: raw::DeniedModel) -> DeniedModel {
    let raw::DeniedModel { status, code } = block;
    let status = match status {
        None | Some(403) => StatusCode::FORBIDDEN,
        Some(404) => StatusCode::NOT_FOUND,
        Some(_) => {
            refuse(cx, "denied_model.status", "status", "403 or 404");
            StatusCode::FORBIDDEN
        }
    };
    let is_code = |code: &str| {
        (1..=LONGEST_CODE).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    if code.as_deref().is_some_and(|code| !is_code(code)) {
        refuse(cx, "denied_model.code", "code", "a word such as `model_not_found`");
    }
    DeniedModel { status, code }
}

/// `modelgate.cors`.
pub(super) fn cors(cx: &mut Context<'_>, block: raw::Cors) -> Cors {
    let mut origins = Vec::with_capacity(block.origins.len());
    if block.origins.is_empty() {
        cx.refuse("modelgate.cors.origins", Problem::Empty { key: "origins".to_owned() });
    }
    for (i, text) in block.origins.iter().enumerate() {
        match origin(text) {
            Some(origin) => origins.push(origin),
            None => refuse(
                cx,
                &format!("cors.origins[{i}]"),
                "origins",
                "origins such as `https://chat.example.com`, without a path and without `*`",
            ),
        }
    }
    Cors { origins }
}

pub(super) fn refuse(cx: &mut Context<'_>, path: &str, key: &str, range: &str) {
    let problem = Problem::OutOfRange { key: key.to_owned(), range: range.to_owned() };
    cx.refuse(&format!("modelgate.{path}"), problem);
}

/// An origin as browsers write it (RFC 6454 section 6.2): in lower case, without the default port of its scheme.
fn origin(text: &str) -> Option<HeaderValue> {
    let (scheme, authority) = text.split_once("://")?;
    let serialized = if matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
        let url = Url::parse(text).ok()?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && !text.contains(['?', '#', '*']);
        is_bare.then(|| url.origin().ascii_serialization())?
    } else {
        // Extensions and desktop applications have their own schemes, such as `chrome-extension`.
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let is_host = !authority.is_empty()
            && authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
        (is_scheme && is_host).then(|| text.to_ascii_lowercase())?
    };
    HeaderValue::try_from(serialized).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_as_browsers_write_it() {
        for (written, sent) in [
            ("https://a.example", "https://a.example"),
            ("HTTPS://A.Example/", "https://a.example"),
            ("https://a.example:443", "https://a.example"),
            ("http://a.example:8080", "http://a.example:8080"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
            ("app://obsidian.md", "app://obsidian.md"),
        ] {
            assert_eq!(origin(written).unwrap(), sent, "{written}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "*",
            "null",
            "",
            "a.example",
            "https://",
            "https://*.example",
            "https://a.example/path",
            "https://a.example?x",
            "https://u:p@a.example",
            "https://a.example#x",
            "app://",
            "app://a/b",
            "1app://a",
        ] {
            assert_eq!(origin(text), None, "{text}");
        }
    }
}
