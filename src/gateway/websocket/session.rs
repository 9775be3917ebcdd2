//! Runs an open WebSocket. Messages are forwarded in both directions until a side closes, the token expires,
//! or the gateway stops.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error};

use super::dial::Dialed;
use super::ending::{End, frame, refused};
use super::handshake::Handshake;
use super::messages::{Bound, Messages, Permitted};
use super::metered::{Meter, Metered};
use super::shared::Sockets;
use crate::gateway::http::error_response::Refusal;
use crate::gateway::limits::counter::CounterGuard;
use crate::gateway::limits::per_caller::CallerGuard;
use crate::gateway::upstream::deployments::sockets::SocketApi;
use crate::request::event_id;

/// Small, because most messages are small, and there may be thousands of connections.
const BUFFER: usize = 8 * 1024;
/// The maximum size of a message from an upstream.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// A side that is silent for this long gets a ping. After three unanswered pings the connection ends.
const QUIET: Duration = Duration::from_secs(30);
const QUESTIONS: u32 = 3;
/// The time that a side has to answer a close frame.
const FAREWELL: Duration = Duration::from_secs(2);

type Stream = WebSocketStream<Metered<TokioIo<Upgraded>>>;
type Sink = Mutex<SplitSink<Stream, Message>>;

/// The read half of a connection.
struct Source {
    stream: SplitStream<Stream>,
    meter: Arc<Meter>,
}

/// The connection to the upstream.
pub(super) struct UpstreamStream {
    sink: Sink,
    source: Source,
}

impl UpstreamStream {
    pub(super) async fn new(socket: TokioIo<Upgraded>, sockets: &Sockets) -> Self {
        let (sink, source) = split(socket, Role::Client, ANSWER_BYTES, sockets).await;
        Self { sink, source }
    }
}

/// The two halves of a connection, with a limit on the size of messages.
async fn split(socket: TokioIo<Upgraded>, role: Role, most: usize, sockets: &Sockets) -> (Sink, Source) {
    let limit = sockets.active.load().snapshot().config().gateway.limits.body_bytes_in_flight;
    let meter = Meter::new(&sockets.body_bytes, limit);
    let socket = Metered::new(socket, &meter);
    let (sink, stream) = WebSocketStream::from_raw_socket(socket, role, Some(config(most))).await.split();
    (Mutex::new(sink), Source { stream, meter })
}

fn config(most: usize) -> WebSocketConfig {
    let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(BUFFER);
    config.max_message_size(Some(most)).max_frame_size(Some(most))
}

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

    pub(super) async fn run(mut self, upgrade: OnUpgrade) {
        let sockets = Arc::clone(&self.messages.sockets);
        let place = sockets.connections.of(1);
        sockets.observers.metrics().socket(true);
        // A caller that disconnects directly after its handshake is not an error.
        if let Ok(caller) = upgrade.await {
            self.serve(TokioIo::new(caller)).await;
        }
        sockets.observers.metrics().socket(false);
        drop((place, self.places));
    }

    async fn serve(&mut self, caller: TokioIo<Upgraded>) {
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

/// The next data message, or the end.
async fn next(source: &mut Source, sink: &Sink) -> Result<Message, Result<Option<CloseFrame>, Error>> {
    let mut questions = 0;
    loop {
        match timeout(QUIET, source.stream.next()).await {
            Err(_) if questions == QUESTIONS => return Err(Err(Error::AlreadyClosed)),
            Err(_) => {
                questions += 1;
                sink.lock().await.send(Message::Ping(Bytes::new())).await.map_err(Err)?;
            }
            Ok(None) => return Err(Err(Error::ConnectionClosed)),
            Ok(Some(Err(error))) => return Err(Err(error)),
            Ok(Some(Ok(Message::Close(frame)))) => return Err(Ok(frame)),
            // The library answers pings itself.
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => questions = 0,
            Ok(Some(Ok(message))) => {
                source.meter.release();
                return Ok(message);
            }
        }
    }
}

/// The next JSON message of the caller. Google's clients also send JSON in binary messages.
async fn next_of_caller(messages: &Messages, source: &mut Source, sink: &Sink) -> Result<Message, End> {
    match next(source, sink).await {
        Ok(Message::Binary(_)) if messages.api != SocketApi::Gemini => {
            messages.sockets.observers.metrics().denied_frame();
            Err(End::ours(CloseCode::Unsupported, "this API takes text messages alone"))
        }
        Ok(message) => Ok(message),
        Err(Ok(frame)) => Err(End::Caller(frame)),
        Err(Err(error)) => Err(End::of_caller(&error)),
    }
}

/// Waits for the first permitted message, and opens the upstream for it.
async fn first(
    messages: &Messages,
    operation: &str,
    protocols: &[String],
    sink: &Sink,
    source: &mut Source,
) -> Result<(UpstreamStream, Bound), End> {
    loop {
        let message = next_of_caller(messages, source, sink).await?;
        let Some((text, permitted)) = judged(messages, None, &message, sink).await? else { continue };
        let dialed = messages.dial(&permitted.call, &permitted.judged, operation, protocols).await;
        match dialed {
            Ok((Dialed::Open { socket, .. }, bound)) => {
                let opened = UpstreamStream::new(socket, &messages.sockets).await;
                pass_up(messages, &bound, (&message, text, &permitted), &opened.sink).await?;
                return Ok((opened, bound));
            }
            Ok((Dialed::Refused(answer), _)) => {
                let reason =
                    format!("the upstream refused the connection with status {}", answer.status().as_u16());
                return Err(End::ours(CloseCode::Error, &reason));
            }
            Err(refusal) => answer(messages, &refusal, text, sink).await?,
        }
    }
}

/// Forwards messages of the caller to the upstream.
async fn up(messages: &Messages, bound: &Bound, sink: &Sink, source: &mut Source, upstream: &Sink) -> End {
    loop {
        let carried = async {
            let message = next_of_caller(messages, source, sink).await?;
            let Some((text, permitted)) = judged(messages, Some(bound), &message, sink).await? else {
                return Ok(());
            };
            pass_up(messages, bound, (&message, text, &permitted), upstream).await
        };
        if let Err(end) = carried.await {
            return end;
        }
    }
}

/// Judges a message. Answers a refused message, and returns `None`.
async fn judged<'m>(
    messages: &Messages,
    bound: Option<&Bound>,
    message: &'m Message,
    sink: &Sink,
) -> Result<Option<(&'m str, Permitted)>, End> {
    let Ok(text) = message.to_text() else {
        return Err(End::ours(CloseCode::Invalid, "the message is not UTF-8"));
    };
    let limits = messages.sockets.active.load().snapshot().config().gateway.limits;
    let mut room = messages.sockets.body_bytes.nothing();
    let judged = match room.grow(text.len(), limits.body_bytes_in_flight) {
        true => messages.judge(text.as_bytes(), bound).await,
        false => Err(Refusal::NoRoom),
    };
    match judged {
        Ok(permitted) => Ok(Some((text, permitted))),
        Err(refusal) => {
            answer(messages, &refusal, text, sink).await?;
            Ok(None)
        }
    }
}

/// Forwards a permitted message, with the deployment's names for its models.
async fn pass_up(
    messages: &Messages,
    bound: &Bound,
    (message, text, permitted): (&Message, &str, &Permitted),
    upstream: &Sink,
) -> Result<(), End> {
    let deployments = &permitted.judged.generation.deployments;
    let beside = |model: &_| bound.place.model().and_then(|_| deployments.name_beside(model, &bound.place));
    let renamed = permitted.frame.renamed(text, bound.place.model(), beside);
    let passed = match (renamed, message) {
        (Some(text), Message::Binary(_)) => Message::Binary(text.into()),
        (Some(text), _) => Message::Text(text.into()),
        (None, message) => message.clone(),
    };
    match send(messages, upstream, passed).await {
        Ok(()) => {
            messages.sockets.observers.metrics().frame(true);
            Ok(())
        }
        Err(_) => Err(End::ours(CloseCode::Error, "the connection to the upstream broke")),
    }
}

/// Forwards messages of the upstream to the caller.
async fn down(messages: &Messages, source: &mut Source, upstream: &Sink, sink: &Sink) -> End {
    loop {
        match next(source, upstream).await {
            Ok(message) => {
                if send(messages, sink, message).await.is_err() {
                    return End::CallerGone;
                }
                messages.sockets.observers.metrics().frame(false);
            }
            Err(Ok(frame)) => return End::Upstream(frame),
            Err(Err(error)) => return End::of_upstream(&error),
        }
    }
}

async fn send(messages: &Messages, sink: &Sink, message: Message) -> Result<(), ()> {
    let time = messages.sockets.active.load().snapshot().config().gateway.limits.write_timeout;
    let sent = timeout(time, async { sink.lock().await.send(message).await }).await;
    sent.map_err(|_| ())?.map_err(|_| ())
}

/// Reports a refused message to the caller, with an event of its API or by closing the connection.
async fn answer(messages: &Messages, refusal: &Refusal, text: &str, sink: &Sink) -> Result<(), End> {
    messages.sockets.observers.metrics().denied_frame();
    let goes_on = matches!(
        refusal,
        Refusal::Denied(_)
            | Refusal::Malformed(_)
            | Refusal::OtherDeployment
            | Refusal::UnknownModel
            | Refusal::NotServed
            | Refusal::NoUpstream
    );
    let generation = messages.sockets.active.load_full();
    let denied_model = &generation.snapshot().config().gateway.denied_model;
    let event_id = event_id(text.as_bytes());
    let event = refusal.event(&messages.request_id, event_id.as_deref(), denied_model);
    if !goes_on || messages.api == SocketApi::Gemini {
        return Err(End::Ours(match refusal {
            Refusal::Malformed(crate::request::Malformed::NoModelYet) => {
                frame(CloseCode::Policy, &refusal.to_string())
            }
            _ => refused(refusal),
        }));
    }
    let sent = send(messages, sink, Message::Text(event.to_string().into())).await;
    sent.map_err(|()| End::CallerGone)
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
