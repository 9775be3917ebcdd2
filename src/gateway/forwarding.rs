//! Forwarding without judging, so that a benchmark can tell what each of them costs. The gateway never runs it.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderValue, Request, Uri, uri};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::body::{self, Pieces, Room};
use super::connection::Common;
use super::forward::Forwarder;
use super::meter::Meter;
use super::observe::Observers;
use super::respond::{Answer, Refusal};
use super::{headers, server};
use crate::config::Limits;

const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Forwards whatever comes in to `upstream`, by the code that forwards what was permitted, for ever.
///
/// # Errors
///
/// When the address is taken, or the system's certificates cannot be loaded.
pub async fn forward_everything(address: SocketAddr, upstream: Uri) -> std::io::Result<()> {
    let listener = server::bind(address).await.map_err(std::io::Error::other)?;
    let limits = Limits::default();
    let everything = Arc::new(Everything {
        forwarder: Forwarder::new(&limits)?,
        observers: Arc::new(Observers::new()?),
        upstream,
        limits,
        bytes: Meter::default(),
    });
    let common = Common::new(move || limits, Meter::default(), Arc::clone(&everything.observers));
    server::serve_until(listener, None, common, std::future::pending(), move |request| {
        let everything = Arc::clone(&everything);
        async move {
            let answered = everything.forward(request).await;
            answered.unwrap_or_else(|refusal| refusal.answer(&HeaderValue::from_static("none")))
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
    bytes: Meter,
}

impl Everything {
    async fn forward(&self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let (mut head, incoming) = request.into_parts();
        let taken = self.bytes.nothing();
        let room = Room { limits: &self.limits, max_body_bytes: MAX_BODY_BYTES, taken };
        let body = body::whole(incoming, room).await?;
        headers::upstream(&mut head.headers);
        let uri = uri::Builder::from(self.upstream.clone()).path_and_query(head.uri.path()).build();
        head.uri = uri.map_err(|_| Refusal::NoUpstream)?;
        head.version = http::Version::default();
        let request = Request::from_parts(head, Pieces::whole([body]));
        let (begin, end) = (self.limits.upstream_first_byte_timeout, self.limits.upstream_total_timeout);
        let now = Instant::now();
        self.forwarder.relay(request, now + begin, now + end, Arc::clone(&self.observers)).await
    }
}
