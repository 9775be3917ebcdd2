//! Forwards messages between a caller and an upstream. Messages of the caller are judged first.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error};

use super::ending::{End, frame, refused};
use super::messages::{Bound, Messages, Permitted};
use super::metered::{Meter, Metered};
use super::shared::Sockets;
use crate::gateway::http::error_response::Refusal;
use crate::gateway::http::incoming::Switched;
use crate::gateway::upstream::deployments::sockets::SocketApi;
use crate::request::event_id;

/// Small, because most messages are small, and there may be thousands of connections.
const BUFFER: usize = 8 * 1024;
/// The maximum size of a message from an upstream.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// A side that is silent for this long gets a ping. After three unanswered pings the connection ends.
const QUIET: Duration = Duration::from_secs(30);
const QUESTIONS: u32 = 3;
type Stream = WebSocketStream<Metered<Switched>>;
pub(super) type Sink = Mutex<SplitSink<Stream, Message>>;

/// The read half of a connection.
pub(super) struct Source {
    pub(super) stream: SplitStream<Stream>,
    meter: Arc<Meter>,
}

/// The connection to the upstream.
pub(super) struct UpstreamStream {
    pub(super) sink: Sink,
    pub(super) source: Source,
}

impl UpstreamStream {
    pub(super) async fn new(socket: Switched, sockets: &Sockets) -> Self {
        let (sink, source) = split(socket, Role::Client, ANSWER_BYTES, sockets).await;
        Self { sink, source }
    }
}

/// The two halves of a connection, with a limit on the size of messages.
pub(super) async fn split(socket: Switched, role: Role, most: usize, sockets: &Sockets) -> (Sink, Source) {
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

/// The next data message, or the end.
async fn next(source: &mut Source, sink: &Sink) -> Result<Message, Result<Option<CloseFrame>, Error>> {
    let message = heard(&mut source.stream, sink, QUIET).await?;
    source.meter.release();
    Ok(message)
}

/// The next data message of a stream, or its end. A side that is silent for `quiet` gets pings.
async fn heard(
    stream: &mut (impl futures_util::Stream<Item = Result<Message, Error>> + Unpin),
    sink: &Mutex<impl futures_util::Sink<Message, Error = Error> + Unpin>,
    quiet: Duration,
) -> Result<Message, Result<Option<CloseFrame>, Error>> {
    let mut questions = 0;
    loop {
        match timeout(quiet, stream.next()).await {
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
            Ok(Some(Ok(message))) => return Ok(message),
        }
    }
}

/// The next JSON message of the caller. Google's clients also send JSON in binary messages.
pub(super) async fn next_of_caller(
    messages: &Messages,
    source: &mut Source,
    sink: &Sink,
) -> Result<Message, End> {
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

/// Forwards messages of the caller to the upstream.
pub(super) async fn up(
    messages: &Messages,
    bound: &Bound,
    sink: &Sink,
    source: &mut Source,
    upstream: &Sink,
) -> End {
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
pub(super) async fn judged<'m>(
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
pub(super) async fn pass_up(
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
pub(super) async fn down(messages: &Messages, source: &mut Source, upstream: &Sink, sink: &Sink) -> End {
    loop {
        match next(source, upstream).await {
            Ok(message) => {
                messages.upstream_said(&message);
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
pub(super) async fn answer(
    messages: &Messages,
    refusal: &Refusal,
    text: &str,
    sink: &Sink,
) -> Result<(), End> {
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

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    const QUIET: Duration = Duration::from_millis(20);

    async fn pair() -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (here, there) = tokio::io::duplex(4096);
        let here = WebSocketStream::from_raw_socket(here, Role::Server, None).await;
        (here, WebSocketStream::from_raw_socket(there, Role::Client, None).await)
    }

    #[tokio::test]
    async fn a_side_that_answers_no_ping_is_given_up_after_three() {
        let (here, mut there) = pair().await;
        let (sink, mut stream) = here.split();
        let sink = Mutex::new(sink);
        let ended = heard(&mut stream, &sink, QUIET).await;
        assert!(matches!(ended, Err(Err(Error::AlreadyClosed))), "{ended:?}");
        for _ in 0..QUESTIONS {
            assert!(matches!(there.next().await, Some(Ok(Message::Ping(_)))));
        }
    }

    #[tokio::test]
    async fn a_side_that_answers_pings_may_be_silent_for_long() {
        let (here, mut there) = pair().await;
        let (sink, mut stream) = here.split();
        let sink = Mutex::new(sink);
        let answering = async {
            // Reading answers the pings.
            for _ in 0..3 * QUESTIONS {
                assert!(matches!(there.next().await, Some(Ok(Message::Ping(_)))));
                there.flush().await.unwrap();
            }
            there.send(Message::text("hello")).await.unwrap();
        };
        let (heard, ()) = tokio::join!(heard(&mut stream, &sink, QUIET), answering);
        assert_eq!(heard.unwrap(), Message::text("hello"));
    }
}
