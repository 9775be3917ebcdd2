//! Exports to an OTLP collector through the gateway's HTTP client.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

use crate::gateway::tls::connector::{CONNECT_TIMEOUT, Connector, connector};

/// The maximum size of the collector's answer.
const MAX_ANSWER: usize = 64 * 1024;
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Requests come from a thread without a runtime, and are sent on the gateway's runtime.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client<Connector, Full<Bytes>>,
    runtime: Handle,
}

impl Collector {
    pub(super) fn new() -> std::io::Result<Self> {
        let runtime = Handle::try_current().map_err(std::io::Error::other)?;
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector(CONNECT_TIMEOUT)?), runtime })
    }
}

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Collector {
    fn send_bytes<'c, 'a>(&'c self, request: Request<Bytes>) -> Answering<'a>
    where
        'c: 'a,
        Self: 'a,
    {
        let mut request = request.map(Full::from);
        // `OTEL_EXPORTER_OTLP_HEADERS` contains credentials.
        request.headers_mut().values_mut().for_each(|value| value.set_sensitive(true));
        let answering = self.client.request(request);
        let answered = self.runtime.spawn(async move {
            let (head, body) = tokio::time::timeout(TIMEOUT, answering).await??.into_parts();
            let body = tokio::time::timeout(TIMEOUT, Limited::new(body, MAX_ANSWER).collect()).await??;
            Ok::<_, HttpError>(Response::from_parts(head, body.to_bytes()))
        });
        Box::pin(async move { answered.await? })
    }
}
