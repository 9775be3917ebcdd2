//! Forwards requests without a decision, so that a benchmark can measure both parts. The gateway never runs this code.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderValue, Request, Uri, uri};

use super::http::body::{BodyBudget, BodyReader};
use super::http::error_response::{Answer, Refusal};
use super::http::headers;
use super::http::incoming::IncomingRequest;
use super::http::segmented_body::SegmentedBody;
use super::limits::counter::Counter;
use super::listener::connection::Common;
use super::listener::server;
use super::telemetry::Observers;
use super::upstream::client::{Connection, Deadlines, Forwarder, Outgoing};
use crate::config::{DeniedModel, Limits, UpstreamHeaders};
use crate::routes::surface::ErrorShape;

const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Forwards every request to `upstream` forever, with the code that forwards permitted requests.
///
/// # Errors
///
/// The address is in use, or the system's certificates cannot be loaded.
pub async fn forward_everything(address: SocketAddr, upstream: Uri) -> std::io::Result<()> {
    let listener = server::bind(address).await.map_err(std::io::Error::other)?;
    let limits = Limits::default();
    let everything = Arc::new(Everything {
        forwarder: Forwarder::new(&limits)?,
        observers: Arc::new(Observers::new()?),
        upstream,
        limits,
        bytes: Counter::default(),
    });
    let common = Arc::new(Common::new(move || limits, Counter::default(), Arc::clone(&everything.observers)));
    server::serve_until(listener, None, common, std::future::pending(), move |mut incoming| {
        let everything = Arc::clone(&everything);
        async move {
            let id = HeaderValue::from_static("none");
            let answered = everything.forward(&mut incoming).await;
            answered
                .unwrap_or_else(|refusal| refusal.answer(&id, ErrorShape::OpenAi, &DeniedModel::default()))
        }
    })
    .await;
    Ok(())
}

struct Everything {
    forwarder: Forwarder,
    observers: Arc<Observers>,
    upstream: Uri,
    limits: Limits,
    bytes: Counter,
}

impl Everything {
    async fn forward(&self, incoming: &mut IncomingRequest) -> Result<Answer, Refusal> {
        let taken = self.bytes.nothing();
        let budget = BodyBudget { limits: &self.limits, max_body_bytes: MAX_BODY_BYTES, taken };
        let body = BodyReader::new(incoming, budget)?.joined().await?;
        let uri = uri::Builder::from(self.upstream.clone()).path_and_query(incoming.head.uri.path()).build();
        let uri = uri.map_err(|_| Refusal::NoUpstream)?;
        let deadlines = Deadlines::new(&self.limits, None, None);
        let link = match self.forwarder.idle(&uri) {
            Some(link) => link,
            None => self.forwarder.connect(&uri, deadlines).await?,
        };
        let outgoing = {
            let mut request = Request::new(SegmentedBody::of([body]));
            *request.uri_mut() = uri;
            *request.method_mut() = std::mem::take(&mut incoming.head.method);
            *request.headers_mut() = std::mem::take(&mut incoming.head.headers);
            headers::upstream(request.headers_mut());
            Outgoing::new(request, deadlines, Connection::Plain(link), UpstreamHeaders::Hide)
        };
        self.forwarder.relay(outgoing, &|| true, &self.observers).await
    }
}
