//! The address of an upstream.

use std::fmt;

use url::Url;

/// A mark before the scheme of a URL whose host `Url` would treat as a malformed IPv4 address.
const MARK: &str = "x-";

/// The base URL of an upstream: `http` or `https`, a host, and optionally a path. It has no part that would prevent
/// appending a path.
///
/// The path does not end in a slash, unless it is the root. The host may end in a number, such as `name3.6`. Resolvers
/// accept it, although the URL standard treats every host that ends in a number as an IPv4 address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// It has [`MARK`] before its scheme if the host is such a name.
    url: Url,
}

impl BaseUrl {
    /// Parses a base URL.
    ///
    /// # Errors
    ///
    /// The problem, as text that follows a colon.
    pub(in crate::config) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let mut url = match Url::parse(text) {
            Err(url::ParseError::InvalidIpv4Address) if has_named_host(text) => {
                Url::parse(&[MARK, text].concat())
            }
            parsed => parsed,
        }
        .map_err(|error| explain(error, text))?;
        let scheme = url.scheme();
        if !matches!(scheme.strip_prefix(MARK).unwrap_or(scheme), "http" | "https") {
            return Err("it must begin with `https://` or `http://`".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it must not contain a user or a password".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it must not contain `?` or `#`".to_owned());
        }
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty();
        }
        Ok(Self { url })
    }

    /// The URL as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self.url.as_str();
        text.strip_prefix(MARK).unwrap_or(text)
    }

    /// The host, without its port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The path, which begins with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        match self.url.path() {
            "" => "/",
            path => path,
        }
    }

    /// The same URL with another path.
    pub(in crate::config) fn with_path(mut self, path: &str) -> Self {
        self.url.set_path(path);
        self
    }

    /// The same URL with an additional path segment.
    pub(in crate::config) fn below(mut self, segment: &str) -> Self {
        if let Ok(mut segments) = self.url.path_segments_mut() {
            segments.pop_if_empty().push(segment);
        }
        self
    }

    /// The same URL without `suffix` at the end of its path, if it is there.
    pub(in crate::config) fn without_suffix(self, suffix: &str) -> Self {
        match self.url.path().strip_suffix(suffix).map(str::to_owned) {
            Some(path) => self.with_path(&path),
            None => self,
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the host has a letter that cannot occur in a number.
fn has_named_host(text: &str) -> bool {
    let behind_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = behind_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let is_number = |label: &str| {
        let digits = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
        digits.map_or_else(
            || label.chars().all(|c| c.is_ascii_digit()),
            |digits| digits.chars().all(|c| c.is_ascii_hexdigit()),
        )
    };
    host.split('.').any(|label| !label.is_empty() && !is_number(label))
}

fn explain(error: url::ParseError, text: &str) -> String {
    match error {
        url::ParseError::RelativeUrlWithoutBase if text.starts_with('$') || text.starts_with('{') => {
            "it names a variable in a form that is not replaced: write `os.environ/NAME`".to_owned()
        }
        url::ParseError::RelativeUrlWithoutBase => "it must begin with `https://` or `http://`".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_a_plain_http_url() {
        let scheme = Err("it must begin with `https://` or `http://`");
        let user = Err("it must not contain a user or a password");
        let query = Err("it must not contain `?` or `#`");
        for (text, expected) in [
            ("https://x/v1/", Ok("https://x/v1")),
            (" https://x/v1 ", Ok("https://x/v1")),
            ("http://localhost:8000", Ok("http://localhost:8000/")),
            ("x/v1", scheme),
            ("https://", Err("empty host")),
            ("ftp://x", scheme),
            ("ftp://name3.6", scheme),
            ("https://u@x", user),
            ("http://u:p@name3.6", user),
            ("https://:p@x", user),
            ("https://x?a", query),
            ("https://x#", query),
            ("${BASE}", Err("it names a variable in a form that is not replaced: write `os.environ/NAME`")),
        ] {
            let url = BaseUrl::parse(text);
            assert_eq!(url.as_ref().map(BaseUrl::as_str).map_err(String::as_str), expected, "{text}");
        }
    }

    #[test]
    fn a_host_may_end_in_a_number_behind_a_name() {
        for (text, host, path) in [
            ("http://name3.6:8000", "name3.6", "/"),
            ("http://qwen2.5:8000/v1/", "qwen2.5", "/v1"),
            ("https://llama-3.1/v1", "llama-3.1", "/v1"),
        ] {
            let url = BaseUrl::parse(text).unwrap();
            assert_eq!((url.host(), url.path()), (host, path));
            assert!(url.as_str().starts_with(&text[..12]), "{url}");
        }
        for text in ["http://1.2.3.999", "http://256.1", "http://0x1.300.1.1.1"] {
            assert_eq!(BaseUrl::parse(text), Err("invalid IPv4 address".to_owned()), "{text}");
        }
    }

    #[test]
    fn a_path_can_be_extended_and_shortened() {
        let url = BaseUrl::parse("http://name3.6/v1").unwrap();
        assert_eq!(url.clone().below("models").as_str(), "http://name3.6/v1/models");
        assert_eq!(url.without_suffix("/v1").path(), "/");
    }
}
