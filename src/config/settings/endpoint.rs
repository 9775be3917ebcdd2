//! URLs in a configuration.

#[cfg(feature = "gateway")]
use std::fmt;

use url::Url;

/// The URL of keys: `https`, `http`, or `file` with an absolute path.
///
/// # Errors
///
/// The problem, as text that follows a colon.
pub(super) fn key_source(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" if url.username().is_empty() && url.password().is_none() => Ok(url),
        // Credentials would not be sent, and logs contain host names.
        "http" | "https" => Err("it must not contain a user or a password".to_owned()),
        // `Url` would turn `file:keys.json` into `file:///keys.json`.
        "file" if text.starts_with("file:/") && url.host().is_none() => Ok(url),
        "file" => Err("a `file:` URL needs an absolute path, as in `file:///etc/keys.json`".to_owned()),
        _ => Err("it must begin with `https:`, `http:` or `file:`".to_owned()),
    }
}

/// The URL where a provider is asked about a token: `http` or `https`, a host, and any path and query.
///
/// # Errors
///
/// The problem, as text that follows a colon.
pub(super) fn provider_endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it must begin with `https://` or `http://`".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not contain a user or a password".to_owned());
    }
    if url.fragment().is_some() {
        return Err("it must not contain `#`".to_owned());
    }
    // The two crates that parse it disagree about some characters.
    url.as_str().parse::<http::Uri>().map_err(|error| error.to_string())?;
    Ok(url)
}

/// A URL for display, without its user, password and query, which may be secret.
#[cfg(feature = "gateway")]
pub(crate) fn place(url: &Url) -> impl fmt::Display {
    let (host, path) = (url.host_str().unwrap_or_default(), url.path());
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = if url.query().is_some() { "?…" } else { "" };
    format!("{}://{host}{port}{path}{query}", url.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_asked_at_an_http_url_with_any_query() {
        for good in ["https://idp/introspect", "http://127.0.0.1:1?tenant=1&x={y}"] {
            assert!(provider_endpoint(good).is_ok(), "{good}");
        }
        for bad in ["idp", "file:///me", "https://u:p@idp", "https://idp#x", "https://"] {
            assert!(provider_endpoint(bad).is_err(), "{bad}");
        }
    }

    #[cfg(feature = "gateway")]
    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("https://u:p@idp:8443/keys?code=s3cret#x", "https://idp:8443/keys?…"),
            ("file:///etc/keys.json", "file:///etc/keys.json"),
            ("https://idp", "https://idp/"),
        ] {
            assert_eq!(place(&url.parse().unwrap()).to_string(), shown);
        }
    }

    #[test]
    fn keys_come_by_http_or_from_an_absolute_path() {
        for good in ["https://idp/keys?tenant=1", "http://127.0.0.1:1/", "file:///k.json", "file:/k.json"] {
            assert!(key_source(good).is_ok(), "{good}");
        }
        for bad in
            ["idp/keys", "file:k.json", "file://host/k.json", "data:,x", "ldap://idp", "https://u:p@idp/"]
        {
            assert!(key_source(bad).is_err(), "{bad}");
        }
    }
}
