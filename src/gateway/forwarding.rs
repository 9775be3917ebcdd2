//! Forwarding without judging, so that a benchmark can tell what each of them costs. The gateway never runs it.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderValue, Request, Uri, uri};
use hyper::body::Incoming;

use super::body::{self, Pieces};
use super::forward::Forwarder;
use super::respond::{Answer, Refusal};
use super::{headers, server};

const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Forwards whatever comes in to `upstream`, by the code that forwards what was permitted, for ever.
///
/// # Errors
///
/// When the address is taken, or the system's certificates cannot be loaded.
pub async fn forward_everything(address: SocketAddr, upstream: Uri) -> std::io::Result<()> {
    let listener = server::bind(address).await.map_err(std::io::Error::other)?;
    let (forwarder, upstream) = (Arc::new(Forwarder::new()?), Arc::new(upstream));
    server::serve_until(listener, None, std::future::pending(), move |request| {
        let (forwarder, upstream) = (Arc::clone(&forwarder), Arc::clone(&upstream));
        async move {
            let answered = forward(&forwarder, &upstream, request).await;
            answered.unwrap_or_else(|refusal| refusal.answer(&HeaderValue::from_static("none")))
        }
    })
    .await;
    Ok(())
}

async fn forward(
    forwarder: &Forwarder,
    upstream: &Uri,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let (mut head, incoming) = request.into_parts();
    let body = body::whole(incoming, MAX_BODY_BYTES).await?;
    headers::upstream(&mut head.headers);
    let uri = uri::Builder::from(upstream.clone()).path_and_query(head.uri.path()).build();
    head.uri = uri.map_err(|_| Refusal::NoUpstream)?;
    forwarder.relay(Request::from_parts(head, Pieces::whole([body])), None).await
}
