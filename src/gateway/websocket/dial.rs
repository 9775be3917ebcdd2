//! Opens WebSockets to upstreams.

use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::service::Service as _;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;

use super::handshake::{accept, has_token};
use crate::config::{Limits, UpstreamHeaders};
use crate::gateway::http::error_response::{Answer, Refusal, body_of};
use crate::gateway::http::headers;
use crate::gateway::http::incoming::Switched;
use crate::gateway::tls::connector::{Connector, http1_connector};
use crate::gateway::tls::native_roots;
use crate::gateway::upstream::deployments::sockets::SocketTarget;

/// The maximum number of bytes to read of a response that refuses the WebSocket.
const ANSWER_BYTES: usize = 256 * 1024;

/// Connects to upstreams for WebSockets.
pub(super) struct Dialer {
    connector: TowerToHyperService<Connector>,
}

/// The response of an upstream.
pub(super) enum Dialed {
    Open {
        socket: Switched,
        protocol: Option<String>,
    },
    /// The upstream's refusal, which is returned unchanged.
    Refused(Answer),
}

impl Dialer {
    pub(super) fn new(limits: &Limits) -> std::io::Result<Self> {
        // Only HTTP/1.1, because WebSockets over HTTP/2 use a different handshake.
        let connector = http1_connector(limits.upstream_connect_timeout, native_roots::native()?);
        Ok(Self { connector: TowerToHyperService::new(connector) })
    }

    /// Opens a WebSocket to the target within `time`. After the connection is made, `may_be_sent` decides
    /// whether the handshake is still sent.
    pub(super) async fn dial(
        &self,
        target: &SocketTarget,
        headers: HeaderMap,
        protocols: &[String],
        time: Duration,
        may_be_sent: impl Fn() -> bool,
    ) -> Result<Dialed, Refusal> {
        let dialed = self.handshake(target, headers, protocols, may_be_sent);
        tokio::time::timeout(time, dialed).await.map_err(|_| Refusal::UpstreamTimeout)?
    }

    async fn handshake(
        &self,
        target: &SocketTarget,
        mut headers: HeaderMap,
        protocols: &[String],
        may_be_sent: impl Fn() -> bool,
    ) -> Result<Dialed, Refusal> {
        let connected = self.connector.call(target.uri.clone()).await;
        let stream = connected.map_err(|error| {
            tracing::warn!("the upstream of a WebSocket cannot be reached: {error}");
            Refusal::UpstreamDown
        })?;
        if !may_be_sent() {
            return Err(Refusal::Overtaken);
        }
        let (mut sender, connection) = http1::handshake(stream).await.map_err(failed)?;
        tokio::spawn(connection.with_upgrades());
        let key = key();
        let authority = target.uri.authority().ok_or(Refusal::NoUpstream)?.as_str();
        headers.insert(HOST, HeaderValue::try_from(authority).map_err(|_| Refusal::NoUpstream)?);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::try_from(&key).map_err(|_| Refusal::NoUpstream)?);
        if !protocols.is_empty() {
            let list = HeaderValue::try_from(protocols.join(", "));
            headers.insert(SEC_WEBSOCKET_PROTOCOL, list.map_err(|_| Refusal::NoUpstream)?);
        }
        for (name, value) in &target.headers {
            headers.insert(name.clone(), value.clone());
        }
        let mut request = Request::new(Empty::<Bytes>::new());
        let path = target.uri.path_and_query().cloned().ok_or(Refusal::NoUpstream)?;
        *request.uri_mut() = Uri::from(path);
        *request.headers_mut() = headers;
        let answer = sender.send_request(request).await.map_err(failed)?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            let (mut head, body) = answer.into_parts();
            headers::downstream(&mut head.headers, UpstreamHeaders::Hide);
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            let body = body.map_err(|_| Refusal::UpstreamHandshake)?.to_bytes();
            head.extensions.clear();
            return Ok(Dialed::Refused(Answer::from_parts(head, body_of(body))));
        }
        let protocol = check(answer.headers(), &key, protocols)?;
        let socket = hyper::upgrade::on(answer).await.map_err(failed)?;
        Ok(Dialed::Open { socket: Box::new(TokioIo::new(socket)), protocol })
    }
}

/// Checks the response to the handshake (RFC 6455 section 4.1), and returns the chosen subprotocol.
fn check(headers: &HeaderMap, key: &str, protocols: &[String]) -> Result<Option<String>, Refusal> {
    let is_accepted = has_token(headers, &UPGRADE, "websocket")
        && has_token(headers, &CONNECTION, "upgrade")
        && headers.get(SEC_WEBSOCKET_ACCEPT) == Some(&accept(key))
        && !headers.contains_key(SEC_WEBSOCKET_EXTENSIONS);
    let chosen = headers.get(SEC_WEBSOCKET_PROTOCOL).map(|value| value.to_str().unwrap_or_default());
    if !is_accepted || chosen.is_some_and(|chosen| !protocols.iter().any(|offered| offered == chosen)) {
        return Err(Refusal::UpstreamHandshake);
    }
    Ok(chosen.map(str::to_owned))
}

fn failed(error: hyper::Error) -> Refusal {
    tracing::warn!("the handshake with the upstream of a WebSocket failed: {error}");
    Refusal::UpstreamDown
}

/// 16 random bytes in base64.
fn key() -> String {
    let mut bytes = [0; 16];
    // If the random generator fails, the key is predictable. It still proves that the upstream speaks
    // WebSocket.
    let _ = rand::fill(&mut bytes);
    STANDARD.encode(bytes)
}
