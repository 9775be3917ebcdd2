//! Upstreams that respond, stream, stall, disconnect and refuse, each under its own path.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Sleep;

/// The behavior of an upstream for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers at once.
    Plain,
    /// Streams a few short pieces.
    Talk,
    /// Streams half a mebibyte as fast as it is read.
    Novel,
    /// Streams until the client disconnects.
    Endless,
    /// The same, as fast as it is read.
    Flood,
    /// Disconnects in the middle.
    Breaking,
    /// Answers late.
    Stalling,
    /// Answers with 500.
    Failing,
    /// Responds, and closes the connection without announcing it.
    Closing,
    /// Accepts the call and never responds.
    Hanging,
    /// Accepts no connections.
    Refusing,
}

pub(crate) const DONE: &str = "data: [DONE]\n\n";

impl Manner {
    const ALL: [Self; 11] = [
        Self::Plain,
        Self::Talk,
        Self::Novel,
        Self::Endless,
        Self::Flood,
        Self::Breaking,
        Self::Stalling,
        Self::Failing,
        Self::Closing,
        Self::Hanging,
        Self::Refusing,
    ];

    /// The first segment of the path.
    pub(crate) fn segment(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Talk => "talk",
            Self::Novel => "novel",
            Self::Endless => "endless",
            Self::Flood => "flood",
            Self::Breaking => "breaking",
            Self::Stalling => "stalling",
            Self::Failing => "failing",
            Self::Closing => "closing",
            Self::Hanging => "hanging",
            Self::Refusing => "refusing",
        }
    }

    /// The number of pieces after the echo, their length, and the pause between them.
    pub(crate) fn pieces(self) -> (u64, usize, Duration) {
        match self {
            Self::Talk => (8, 64, Duration::from_millis(5)),
            Self::Novel => (32, 16 * 1024, Duration::ZERO),
            Self::Endless => (u64::MAX, 64, Duration::from_millis(20)),
            Self::Flood => (u64::MAX, 16 * 1024, Duration::ZERO),
            Self::Breaking => (3, 64, Duration::from_millis(5)),
            _ => (0, 0, Duration::ZERO),
        }
    }
}

/// The upstreams' addresses.
pub(crate) struct Upstreams {
    answering: SocketAddr,
    /// A server of its own, so that a connection that closes without notice was never meant for another call.
    closing: SocketAddr,
    /// Bound, and not listening.
    refusing: TcpSocket,
    /// The number of responses that have not ended.
    pub(crate) answers: Arc<AtomicUsize>,
    serving: [JoinHandle<()>; 2],
}

impl Upstreams {
    pub(crate) async fn start() -> Self {
        let [answering, closing] = [listener().await, listener().await];
        let addresses = [answering.local_addr().unwrap(), closing.local_addr().unwrap()];
        let refusing = TcpSocket::new_v4().unwrap();
        refusing.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let answers = Arc::<AtomicUsize>::default();
        let serving = [
            tokio::spawn(serve(answering, echo(&answers), false)),
            tokio::spawn(serve(closing, echo(&answers), true)),
        ];
        Self { answering: addresses[0], closing: addresses[1], refusing, answers, serving }
    }

    pub(crate) fn base(&self, manner: Manner) -> String {
        let address = match manner {
            Manner::Refusing => self.refusing.local_addr().unwrap(),
            Manner::Closing => self.closing,
            _ => self.answering,
        };
        format!("http://{address}/{}/v1", manner.segment())
    }

    /// Closes every connection.
    pub(crate) async fn stop(&mut self) {
        for serving in &mut self.serving {
            serving.abort();
            let _ = serving.await;
        }
    }
}

impl Drop for Upstreams {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Answers every connection until it is dropped. With `closing`, closes each connection a moment after its first
/// response.
pub(crate) async fn serve<F, A, B, E>(listener: TcpListener, answer: F, closing: bool)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                stream.set_nodelay(true).unwrap();
                let (answer, answered) = (answer.clone(), Arc::new(Notify::new()));
                let done = Arc::clone(&answered);
                let service = service_fn(move |request| {
                    let (answer, done) = (answer(request), Arc::clone(&done));
                    async move {
                        let answer = answer.await;
                        done.notify_one();
                        answer
                    }
                });
                let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    let closed = async {
                        answered.notified().await;
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    };
                    // Callers disconnect on purpose in this test.
                    tokio::select! {
                        _ = serving => {}
                        () = closed, if closing => {}
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

type Echo = Pin<Box<dyn Future<Output = Result<Response<Told>, Infallible>> + Send>>;

fn echo(answers: &Arc<AtomicUsize>) -> impl Fn(Request<Incoming>) -> Echo + Clone + Send + 'static {
    let answers = Arc::clone(answers);
    move |request| {
        let counted = Counted::new(&answers);
        Box::pin(async move {
            let segment = request.uri().path().split('/').nth(1).unwrap_or_default();
            let manner = Manner::ALL.into_iter().find(|manner| manner.segment() == segment).unwrap();
            let key = request.headers()["authorization"].to_str().unwrap().to_owned();
            let target = request.uri().to_string();
            let Ok(body) = request.into_body().collect().await else {
                return Ok(Response::new(Told::nothing(counted)));
            };
            match manner {
                Manner::Stalling => tokio::time::sleep(Duration::from_millis(700)).await,
                Manner::Hanging => std::future::pending().await,
                _ => {}
            }
            let mut response =
                Response::new(Told::new(echo_prefix(&target, &key, &body.to_bytes()), manner, counted));
            if manner == Manner::Failing {
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            }
            Ok(response)
        })
    }
}

/// The beginning of every response: the path, key and model of the call, and whether the rest of its body, from
/// `content` on, arrived as it was sent.
pub(crate) fn echo_prefix(target: &str, key: &str, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(256)]);
    let model =
        text.split_once("\"model\":").and_then(|(_, rest)| rest.split('"').nth(1)).unwrap_or_default();
    let from = text.find("\"content\"").unwrap_or(body.len());
    let rest = &body[from..];
    let filler = rest.len().saturating_sub(FRAME);
    let content = if rest == content(filler).as_bytes() { filler.to_string() } else { "torn".to_owned() };
    format!("data: {target} {key} {model} {content}\n\n")
}

/// The end of a body, from `content` on.
pub(crate) fn content(filler: usize) -> String {
    format!("\"content\": \"{}\"}}", "x".repeat(filler))
}

/// The length of the part of [`content`] that is not filler.
const FRAME: usize = 14;

/// The body of a response, sent piece by piece.
struct Told {
    first: Option<Bytes>,
    left: u64,
    piece: Bytes,
    pace: Duration,
    resting: Option<Pin<Box<Sleep>>>,
    /// `None` ends the connection early.
    last: Option<Bytes>,
    _counted: Counted,
}

impl Told {
    fn new(first: String, manner: Manner, counted: Counted) -> Self {
        let (left, length, pace) = manner.pieces();
        let last = match manner {
            Manner::Breaking => None,
            Manner::Talk | Manner::Novel => Some(Bytes::from_static(DONE.as_bytes())),
            _ => Some(Bytes::new()),
        };
        let piece = Bytes::from(vec![b'p'; length]);
        Self { first: Some(first.into()), left, piece, pace, resting: None, last, _counted: counted }
    }

    fn nothing(counted: Counted) -> Self {
        Self::new(String::new(), Manner::Plain, counted)
    }
}

impl Body for Told {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(resting) = &mut self.resting {
            std::task::ready!(resting.as_mut().poll(cx));
            self.resting = None;
        }
        let piece = if let Some(first) = self.first.take() {
            first
        } else if self.left > 0 {
            self.left -= 1;
            self.piece.clone()
        } else {
            match &mut self.last {
                None => return Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into()))),
                Some(last) if last.is_empty() => return Poll::Ready(None),
                Some(last) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(last))))),
            }
        };
        self.resting = (!self.pace.is_zero()).then(|| Box::pin(tokio::time::sleep(self.pace)));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.first, &self.last) {
            (Some(first), Some(last)) if self.left == 0 && last.is_empty() => {
                SizeHint::with_exact(first.len() as u64)
            }
            _ => SizeHint::default(),
        }
    }
}

/// Counts one as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counter))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
