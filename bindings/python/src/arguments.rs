//! Reads the arguments of a decision.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};
use modelgate::authn::VerifiedClaims;
use modelgate::gateway::AuthzRequest;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping, PyString};

/// The body of a request.
pub(crate) enum Body {
    /// Nobody knows it: `None`.
    Unknown,
    Raw(Bytes),
    Json(Bytes),
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
            Ok(Self::Raw(Bytes::copy_from_slice(text.to_str()?.as_bytes())))
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
        let address = text.to_str()?.parse();
        address.map(Self).map_err(|_| PyTypeError::new_err("`peer` must be an IP address"))
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
    Ok(text.to_str()?.chars().map(|c| u8::try_from(c).unwrap_or(0)).collect())
}

fn expected(message: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let kind = value.get_type().name().map_or_else(|_| String::new(), |name| format!(", not {name}"));
    PyTypeError::new_err(format!("{message}{kind}"))
}

/// A request as Python describes it.
pub(crate) struct Described<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: Headers,
    pub(crate) body: Body,
    pub(crate) token: Option<&'a str>,
    pub(crate) claims: Option<Claims>,
    pub(crate) peer: Option<Peer>,
}

impl Described<'_> {
    /// The request.
    ///
    /// # Errors
    ///
    /// What no HTTP request has.
    pub(crate) fn request(self) -> Result<AuthzRequest, &'static str> {
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = Method::from_bytes(self.method.as_bytes()).map_err(|_| "the method is none")?;
        head.uri = target(self.path)?;
        head.headers = headers(self.headers)?;
        if let Some(token) = self.token {
            let value = HeaderValue::try_from(format!("Bearer {token}"));
            let mut value = value.map_err(|_| "the token has characters that no header has")?;
            value.set_sensitive(true);
            head.headers.insert(AUTHORIZATION, value);
        }
        let body = match self.body {
            Body::Unknown => None,
            Body::Raw(bytes) => Some(bytes),
            Body::Json(bytes) => {
                let json = HeaderValue::from_static("application/json");
                head.headers.entry(CONTENT_TYPE).or_insert(json);
                Some(bytes)
            }
        };
        let claims = self.claims.map(|Claims(claims)| claims);
        Ok(AuthzRequest { head, body, peer: self.peer.map(|Peer(peer)| peer), claims })
    }
}

fn target(path: &str) -> Result<Uri, &'static str> {
    // The parser would drop a fragment, and accept a whole URL.
    if !path.starts_with('/') || path.contains('#') {
        return Err("the path does not begin with a slash, or has a fragment");
    }
    let parsed: Result<PathAndQuery, _> = path.parse();
    parsed.map(Uri::from).map_err(|_| "the path has characters that no request has: percent-encode them")
}

fn headers(Headers(pairs): Headers) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::with_capacity(pairs.len() + 1);
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(&name).map_err(|_| "the name of a header is none")?;
        let value = HeaderValue::from_bytes(&value).map_err(|_| "the value of a header is none")?;
        headers.try_append(name, value).map_err(|_| "there are too many headers")?;
    }
    Ok(headers)
}
