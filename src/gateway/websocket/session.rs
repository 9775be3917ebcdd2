//! Runs an open WebSocket. Messages are forwarded in both directions until a side closes, the token expires,
//! or the gateway stops.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

use super::ending::{End, frame};
use super::first_message::first;
use super::handshake::Handshake;
use super::messages::{Bound, Messages};
use super::relay::{Sink, Source, UpstreamStream, down, split, up};
use crate::gateway::http::incoming::Switched;
use crate::gateway::limits::counter::CounterGuard;
use crate::gateway::limits::per_caller::CallerGuard;

/// The time that a side has to answer a close frame.
const FAREWELL: Duration = Duration::from_secs(2);

/// A caller's WebSocket, and the upstream's after it is open.
pub(super) struct Session {
    pub(super) messages: Messages,
    pub(super) upstream: Option<(UpstreamStream, Bound)>,
    pub(super) places: (Option<CounterGuard>, Option<CallerGuard>),
    operation: String,
    protocols: Vec<String>,
    draining: Option<watch::Receiver<()>>,
}

impl Session {
    pub(super) fn new(
        messages: Messages,
        handshake: &Handshake,
        draining: Option<watch::Receiver<()>>,
    ) -> Self {
        let protocols = handshake.protocols.clone();
        let operation = handshake.operation.clone();
        Self { messages, upstream: None, places: (None, None), operation, protocols, draining }
    }

    pub(super) async fn run(mut self, upgrade: oneshot::Receiver<Switched>) {
        let sockets = Arc::clone(&self.messages.sockets);
        let place = sockets.connections.of(1);
        sockets.observers.metrics().socket(true);
        // A caller that disconnects directly after its handshake is not an error.
        if let Ok(caller) = upgrade.await {
            self.serve(caller).await;
        }
        sockets.observers.metrics().socket(false);
        drop((place, self.places));
    }

    async fn serve(&mut self, caller: Switched) {
        let most = self.messages.sockets.active.load().snapshot().config().gateway.max_body_bytes;
        let (sink, mut source) = split(caller, Role::Server, most, &self.messages.sockets).await;
        let mut draining = self.draining.take();
        let stopping = async {
            match &mut draining {
                // The server was dropped, so the connection ends too.
                Some(draining) => drop(draining.changed().await),
                None => std::future::pending().await,
            }
        };
        let mut upstream = self.upstream.take();
        let messages = &self.messages;
        let carried = async {
            if upstream.is_none() {
                match first(messages, &self.operation, &self.protocols, &sink, &mut source).await {
                    Ok(opened) => upstream = Some(opened),
                    Err(end) => return end,
                }
            }
            let Some((there, bound)) = &mut upstream else { return End::CallerGone };
            tokio::select! {
                end = up(messages, bound, &sink, &mut source, &there.sink) => end,
                end = down(messages, &mut there.source, &there.sink, &sink) => end,
            }
        };
        let end = tokio::select! {
            end = carried => end,
            () = expiry(messages) => End::ours(CloseCode::Policy, "the token has expired"),
            () = stopping => End::ours(CloseCode::Away, "the gateway is shutting down"),
        };
        let there = upstream.map(|(there, _)| there);
        finish(end, (sink, source), there).await;
        drop(draining);
    }
}

/// Completes when the token expires.
async fn expiry(messages: &Messages) {
    loop {
        let expires = f64::from_bits(messages.expires.load(Ordering::Relaxed));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(f64::INFINITY, |now| now.as_secs_f64());
        if now >= expires {
            return;
        }
        // Sleeps in short steps, because the clock may be set, and a new token may expire earlier.
        tokio::time::sleep(Duration::from_secs_f64((expires - now).clamp(0.001, 10.0))).await;
    }
}

/// Closes both sides, and waits a short time for their close frames.
async fn finish(end: End, caller: (Sink, Source), upstream: Option<UpstreamStream>) {
    let leaving = || frame(CloseCode::Away, "the client went away");
    let (to_caller, to_upstream) = match end {
        End::Caller(frame) => (frame.clone(), frame),
        End::Upstream(frame) => (frame.clone(), frame),
        End::Ours(frame) => (Some(frame), Some(leaving())),
        End::CallerGone => (None, Some(leaving())),
    };
    let upstream = async {
        if let Some(UpstreamStream { sink, source }) = upstream {
            close(sink, source, to_upstream).await;
        }
    };
    tokio::join!(close(caller.0, caller.1, to_caller), upstream);
}

async fn close(sink: Sink, source: Source, frame: Option<CloseFrame>) {
    let (mut sink, mut source) = (sink.into_inner(), source.stream);
    let closing = async {
        // The connection may already be closed or broken.
        let _ = sink.send(Message::Close(frame)).await;
        while source.next().await.is_some_and(|message| message.is_ok()) {}
        // Closing a socket with unread bytes resets the connection, and the close frame is lost.
        let Ok(stream) = source.reunite(sink) else { return };
        let mut stream = stream.into_inner();
        let _ = stream.shutdown().await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    };
    // A side that takes longer is disconnected.
    let _ = timeout(FAREWELL, closing).await;
}
