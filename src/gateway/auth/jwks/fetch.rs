//! Fetches a [`KeySet`] from a URL, and trusts nothing on the way.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use url::Url;

use crate::authn::{KeySet, json_object};
use crate::gateway::error_chain::causes;
use crate::gateway::tls::connector::{Connector, http1_connector};
use crate::gateway::tls::native_roots;

use super::discovery;
use super::fetch_error::FetchError;

/// The limits for requests to a provider.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// The time limit for fetching a key set, including discovery; 5 s.
    pub timeout: Duration,
    /// The maximum size of a document; 1 MiB.
    pub max_bytes: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), max_bytes: 1024 * 1024 }
    }
}

/// Sends requests to providers, and reads their answers within limits.
#[derive(Debug)]
pub(in crate::gateway) struct Fetcher {
    client: Client<Connector, Full<Bytes>>,
    limits: FetchLimits,
}

impl Fetcher {
    pub(in crate::gateway) fn new(tls: ClientConfig, limits: FetchLimits) -> Self {
        let connector = http1_connector(limits.timeout, tls);
        // The provider may close a kept connection just as the next request is sent. Requests are rare, so each uses a
        // new connection.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Self { client, limits }
    }

    /// Fetches the keys at `url`. It has either a JWKS document, or an OpenID discovery document of the configured
    /// issuer that names one.
    pub(super) async fn key_set(&self, url: &Url, issuer: Option<&str>) -> Result<KeySet, FetchError> {
        self.in_time(self.follow(url, issuer)).await
    }

    /// Returns the result, if it arrives within the time limit.
    pub(in crate::gateway) async fn in_time<T, E: From<FetchError>>(
        &self,
        steps: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::time::timeout(self.limits.timeout, steps).await.unwrap_or(Err(FetchError::Timeout.into()))
    }

    async fn follow(&self, url: &Url, issuer: Option<&str>) -> Result<KeySet, FetchError> {
        match published(url, issuer, &self.document(url).await?)? {
            Published::Keys(keys) => Ok(keys),
            Published::Elsewhere(jwks_uri) => Ok(KeySet::parse(&self.document(&jwks_uri).await?)?),
        }
    }

    async fn document(&self, url: &Url) -> Result<Bytes, FetchError> {
        match url.scheme() {
            "file" => self.file(url).await,
            "http" | "https" => self.response_body(url).await,
            _ => Err(FetchError::Scheme),
        }
    }

    async fn file(&self, url: &Url) -> Result<Bytes, FetchError> {
        let path = url.to_file_path().map_err(|()| FetchError::Scheme)?;
        let file = tokio::fs::File::open(path).await?;
        let mut bytes = Vec::new();
        file.take(self.limits.max_bytes as u64 + 1).read_to_end(&mut bytes).await?;
        if bytes.len() > self.limits.max_bytes { Err(FetchError::TooLarge) } else { Ok(bytes.into()) }
    }

    async fn response_body(&self, url: &Url) -> Result<Bytes, FetchError> {
        let request = Request::get(uri(url)?)
            .header(ACCEPT, "application/json, application/jwk-set+json")
            .body(Full::default())
            .map_err(|_| FetchError::Scheme)?;
        self.body(self.send(request).await?).await
    }

    /// Sends a request. Redirects are not followed.
    pub(in crate::gateway) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, FetchError> {
        let headers = request.headers_mut();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers
            .insert(USER_AGENT, HeaderValue::from_static(concat!("modelgate/", env!("CARGO_PKG_VERSION"))));
        self.client.request(request).await.map_err(|error| FetchError::Connection(causes(&error)))
    }

    /// Reads the body of a successful answer, within the size limit.
    pub(in crate::gateway) async fn body(&self, response: Response<Incoming>) -> Result<Bytes, FetchError> {
        check(&response)?;
        match Limited::new(response.into_body(), self.limits.max_bytes).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(FetchError::TooLarge),
            Err(error) => Err(FetchError::Connection(causes(&*error))),
        }
    }
}

/// Prepares the URL for a request.
pub(in crate::gateway) fn uri(url: &Url) -> Result<Uri, FetchError> {
    // Credentials in the URL would not be sent, and logs of host names would show them.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FetchError::Credentials);
    }
    url.as_str().parse().map_err(|_| FetchError::Scheme)
}

/// The facts about keys in a document.
pub(super) enum Published {
    Keys(KeySet),
    /// A discovery document's `jwks_uri`.
    Elsewhere(Url),
}

pub(super) fn published(url: &Url, issuer: Option<&str>, document: &[u8]) -> Result<Published, FetchError> {
    let document = json_object(document)?;
    if document.contains_key("keys") {
        return Ok(Published::Keys(KeySet::from_object(&document)?));
    }
    let Some(Value::String(jwks_uri)) = document.get("jwks_uri") else { return Err(FetchError::NoKeys) };
    discovery::check(url, issuer, &document)?;
    let jwks_uri = Url::parse(jwks_uri).map_err(|_| FetchError::JwksUri)?;
    if may_point_to(url, &jwks_uri) { Ok(Published::Elsewhere(jwks_uri)) } else { Err(FetchError::JwksUri) }
}

/// A redirect is treated like any other status that is not 200: only the operator decides where keys come from.
fn check(response: &Response<Incoming>) -> Result<(), FetchError> {
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let mut encodings = response.headers().get_all(CONTENT_ENCODING).iter();
    if encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Ok(())
    } else {
        Err(FetchError::Encoding)
    }
}

/// Whether a discovery document may name this URL of keys. The URL must not be less secure than the document's own, and
/// not a local file.
fn may_point_to(discovery: &Url, keys: &Url) -> bool {
    match keys.scheme() {
        "https" => true,
        "http" => discovery.scheme() != "https",
        _ => false,
    }
}

/// TLS with the root certificates of this machine.
///
/// Without root certificates, every `https:` fetch fails. A configuration with key files is still valid.
pub(in crate::gateway) fn native_tls() -> Result<ClientConfig, rustls::Error> {
    native_roots::native().or_else(|error| {
        tracing::warn!(%error, "no root certificates: keys can't be fetched by https");
        Ok(native_roots::builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
    })
}
