//! Reads the arguments of a decision.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};
use modelgate::authn::{CREDENTIAL_HEADERS, VerifiedClaims};
use modelgate::gateway::AuthzRequest;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping, PyString};

/// Text that may have surrogates, which no request has.
pub(crate) struct Text(Option<String>);

impl<'py> FromPyObject<'_, 'py> for Text {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let text = value.cast::<PyString>().map_err(|_| expected("a str is expected", &value))?;
        Ok(Self(text.to_str().ok().map(str::to_owned)))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

/// The body of a request.
pub(crate) enum Body {
    /// Nobody knows it: `None`.
    Unknown,
    Raw(Bytes),
    Json(Bytes),
    /// Text with surrogates.
    Broken,
}

impl Body {
    pub(crate) const EMPTY: Self = Self::Raw(Bytes::new());
}

impl<'py> FromPyObject<'_, 'py> for Body {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if value.is_none() {
            Ok(Self::Unknown)
        } else if let Ok(bytes) = value.cast::<PyBytes>() {
            Ok(Self::Raw(Bytes::copy_from_slice(bytes.as_bytes())))
        } else if let Ok(text) = value.cast::<PyString>() {
            Ok(text.to_str().map_or(Self::Broken, |text| Self::Raw(Bytes::copy_from_slice(text.as_bytes()))))
        } else if value.is_instance_of::<PyDict>() {
            Ok(Self::Json(json_of(&value)?.into()))
        } else {
            Err(expected("`body` must be bytes, str, dict or None", &value))
        }
    }
}

/// The JSON text of an object. Python's own encoder refuses objects that contain themselves.
fn json_of(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let py = value.py();
    let options = PyDict::new(py);
    options.set_item("allow_nan", false)?;
    let text = py.import("json")?.call_method("dumps", (value,), Some(&options)).map_err(|cause| {
        let error = PyTypeError::new_err("the dictionary has no JSON form");
        error.set_cause(py, Some(cause));
        error
    })?;
    Ok(text.cast::<PyString>()?.to_str()?.as_bytes().to_vec())
}

/// Claims that the caller of the module has verified.
pub(crate) struct Claims(VerifiedClaims);

impl<'py> FromPyObject<'_, 'py> for Claims {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if !value.is_instance_of::<PyDict>() {
            return Err(expected("`claims` must be a dict", &value));
        }
        let claims = serde_json::from_slice(&json_of(&value)?);
        let claims = claims.map_err(|error| PyTypeError::new_err(format!("`claims`: {error}")))?;
        Ok(Self(VerifiedClaims::dangerous_trust(claims)))
    }
}

/// The address of a peer.
pub(crate) struct Peer(IpAddr);

impl<'py> FromPyObject<'_, 'py> for Peer {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let text = value.cast::<PyString>().map_err(|_| expected("`peer` must be a str", &value))?;
        let address = text.to_str().ok().and_then(|text| text.parse().ok());
        address.map(Self).ok_or_else(|| PyTypeError::new_err("`peer` must be an IP address"))
    }
}

/// Headers: a mapping, or pairs if a name occurs twice.
#[derive(Default)]
pub(crate) struct Headers(Vec<(Vec<u8>, Vec<u8>)>);

impl<'py> FromPyObject<'_, 'py> for Headers {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let mut pairs = Vec::new();
        if let Ok(headers) = value.cast::<PyDict>() {
            for (name, content) in headers.iter() {
                pairs.push((octets(&name)?, octets(&content)?));
            }
            return Ok(Self(pairs));
        }
        let items = match value.cast::<PyMapping>() {
            Ok(mapping) => mapping.items()?.into_any(),
            Err(_) => value.to_owned(),
        };
        let items = items.try_iter();
        let items =
            items.map_err(|_| expected("`headers` must be a mapping or an iterable of pairs", &value))?;
        for item in items {
            let item = item?;
            let pair = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>();
            let (name, content) = pair.map_err(|_| expected("each of `headers` must be a pair", &item))?;
            pairs.push((octets(&name)?, octets(&content)?));
        }
        Ok(Self(pairs))
    }
}

/// The bytes of a name or value. Servers decode headers as ISO 8859-1, so text is encoded in the same way.
fn octets(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    let text = value.cast::<PyString>().map_err(|_| expected("headers must be str or bytes", value))?;
    // A character without a byte becomes one that no header has, and the request is refused.
    let text = text.to_str().unwrap_or("\0");
    Ok(text.chars().map(|c| u8::try_from(c).unwrap_or(0)).collect())
}

fn expected(message: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let kind = value.get_type().name().map_or_else(|_| String::new(), |name| format!(", not {name}"));
    PyTypeError::new_err(format!("{message}{kind}"))
}

/// A request as Python describes it.
pub(crate) struct Described {
    pub(crate) method: Text,
    pub(crate) path: Text,
    pub(crate) headers: Headers,
    pub(crate) body: Body,
    pub(crate) token: Option<Text>,
    pub(crate) claims: Option<Claims>,
    pub(crate) peer: Option<Peer>,
}

impl Described {
    /// The request.
    ///
    /// # Errors
    ///
    /// What no HTTP request has.
    pub(crate) fn request(self) -> Result<AuthzRequest, &'static str> {
        let (mut head, ()) = Request::new(()).into_parts();
        let method = self.method.0.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
        head.method = method.ok_or("the method is none")?;
        head.uri = target(&self.path.0.ok_or("the path is not Unicode")?)?;
        head.headers = headers(self.headers)?;
        if let Some(token) = self.token {
            let value = token.0.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
            let mut value = value.ok_or("the token has characters that no header has")?;
            value.set_sensitive(true);
            // Another credential might be preferred to this one.
            for name in CREDENTIAL_HEADERS {
                head.headers.remove(name);
            }
            head.headers.try_insert(AUTHORIZATION, value).map_err(|_| TOO_MANY)?;
        }
        let body = match self.body {
            Body::Unknown => None,
            Body::Raw(bytes) => Some(bytes),
            Body::Json(bytes) => {
                let json = HeaderValue::from_static("application/json");
                head.headers.try_entry(CONTENT_TYPE).map_err(|_| TOO_MANY)?.or_insert(json);
                Some(bytes)
            }
            Body::Broken => return Err("the body is not Unicode"),
        };
        let claims = self.claims.map(|Claims(claims)| claims);
        Ok(AuthzRequest { head, body, peer: self.peer.map(|Peer(peer)| peer), claims })
    }
}

const TOO_MANY: &str = "there are too many headers";

fn target(path: &str) -> Result<Uri, &'static str> {
    // The parser would drop a fragment, and accept a whole URL.
    if !path.starts_with('/') || path.contains('#') {
        return Err("the path does not begin with a slash, or has a fragment");
    }
    let parsed: Result<PathAndQuery, _> = path.parse();
    parsed.map(Uri::from).map_err(|_| "the path has characters that no request has: percent-encode them")
}

fn headers(Headers(pairs): Headers) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::try_with_capacity(pairs.len() + 2).map_err(|_| TOO_MANY)?;
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(&name).map_err(|_| "the name of a header is none")?;
        let value = HeaderValue::from_bytes(&value).map_err(|_| "the value of a header is none")?;
        headers.try_append(name, value).map_err(|_| TOO_MANY)?;
    }
    Ok(headers)
}
