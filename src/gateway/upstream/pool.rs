//! Connections to upstreams by plain HTTP/1.1, each driven by the request that uses it.
//!
//! hyper's own client gives every connection a task, so that a request, its answer and each piece of its body cross from
//! task to task, and most times from thread to thread. Here whoever waits for the answer polls the connection itself. Nobody
//! polls an idle one: that its upstream has closed it shows when it is taken out again, or when idle ones are looked through.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use foldhash::fast::RandomState;
use http::header::{HOST, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Request, Response, Uri};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::service::Service as _;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::task::coop;

use crate::gateway::http::segmented_body::SegmentedBody;
use crate::gateway::http::send_gate::Overtaken;
use crate::gateway::http::wake_suppression::{WakeSuppressor, without_waking};

/// What is read of an answer before its caller takes it.
pub(super) const READ_BUFFER: usize = 64 * 1024;
const LOOK_THROUGH: Duration = Duration::from_secs(10);
/// How often one is looked at before it has been idle for too long: for a minute, about.
const LOOKS: u64 = 6;
/// More than these are closed when they become idle.
const MAX_IDLE_PER_UPSTREAM: usize = 1024;

/// The connections, by host and port.
#[derive(Debug)]
pub(super) struct Pool {
    connector: TowerToHyperService<HttpConnector>,
    idle: Arc<IdleLinks>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PoolError {
    #[error("no address to connect to")]
    Address,
    #[error("{0}")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error(transparent)]
    Overtaken(#[from] Overtaken),
}

impl Pool {
    pub(in crate::gateway) fn new(connector: HttpConnector) -> Self {
        Self { connector: TowerToHyperService::new(connector), idle: Arc::default() }
    }

    /// A connection that is at hand.
    pub(super) fn idle(&self, target: &Uri) -> Option<Box<Link>> {
        self.idle.take(target.authority()?)
    }

    /// Sends a request whose URI is absolute, over a connection to its authority.
    ///
    /// A connection that turns out to be closed before anything of the request was sent is replaced by another, if the
    /// request `may_be_sent` then. Nothing is ever sent twice.
    pub(in crate::gateway) async fn send(
        &self,
        request: &mut Request<SegmentedBody>,
        link: Box<Link>,
        may_be_sent: &(dyn Fn() -> bool + Sync),
    ) -> Result<Response<PooledBody>, PoolError> {
        let origin = request.uri().path_and_query().cloned();
        let target = std::mem::replace(request.uri_mut(), Uri::from(origin.unwrap_or_else(root)));
        let authority = target.authority().ok_or(PoolError::Address)?;
        let mut next = Some(link);
        while let Some(mut link) = next {
            match link.exchange(request).await {
                Ok(answer) => return Ok(self.pooled(answer, link)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => *request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
            if !may_be_sent() {
                return Err(Overtaken.into());
            }
            next = self.idle.take(authority);
        }
        // Boxed, so that a request for which there is a connection has no room for it.
        let mut link = Box::pin(self.connect(&target)).await?;
        if !may_be_sent() {
            return Err(Overtaken.into());
        }
        let answer = link.exchange(request).await.map_err(TrySendError::into_error)?;
        Ok(self.pooled(answer, link))
    }

    /// A new connection.
    pub(super) async fn connect(&self, target: &Uri) -> Result<Box<Link>, PoolError> {
        let authority = target.authority().cloned().ok_or(PoolError::Address)?;
        let host = host(&authority).ok_or(PoolError::Address)?;
        let stream = self.connector.call(target.clone()).await;
        let stream = stream.map_err(|error| PoolError::Connect(error.into()))?;
        let (sender, connection) = http1::Builder::new().max_buf_size(READ_BUFFER).handshake(stream).await?;
        Ok(Box::new(Link {
            authority,
            host,
            sender,
            connection: Some(connection),
            suppressor: WakeSuppressor::new(),
        }))
    }

    fn pooled(&self, answer: Response<Incoming>, link: Box<Link>) -> Response<PooledBody> {
        answer.map(|incoming| {
            let mut body = PooledBody { incoming, link: Some(link), idle: Arc::clone(&self.idle) };
            if body.incoming.is_end_stream() {
                body.give_back();
            }
            body
        })
    }
}

fn root() -> PathAndQuery {
    PathAndQuery::from_static("/")
}

/// What `Host` says: the default port is left out, and so is what stands before an `@`.
fn host(authority: &Authority) -> Option<HeaderValue> {
    match authority.port_u16() {
        Some(80) | None => HeaderValue::from_str(authority.host()).ok(),
        Some(port) if !authority.as_str().contains('@') && port != 80 => {
            HeaderValue::from_str(authority.as_str()).ok()
        }
        Some(port) => HeaderValue::from_str(&format!("{}:{port}", authority.host())).ok(),
    }
}

/// One connection, with both of its ends.
#[derive(Debug)]
pub(in crate::gateway) struct Link {
    authority: Authority,
    host: HeaderValue,
    sender: SendRequest<SegmentedBody>,
    /// `None`: it has ended.
    connection: Option<Connection<TokioIo<TcpStream>, SegmentedBody>>,
    suppressor: WakeSuppressor,
}

impl Link {
    /// Whether another request can be sent, as far as can be seen without waiting.
    fn is_open(&mut self) -> bool {
        drive(&mut self.connection, &mut self.suppressor, &quiet());
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Sends a request, and waits for the head of its answer.
    async fn exchange(
        &mut self,
        request: &mut Request<SegmentedBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<SegmentedBody>>> {
        let Self { sender, connection, suppressor, host, .. } = self;
        request.headers_mut().insert(HOST, host.clone());
        let mut answering = pin!(sender.try_send_request(std::mem::take(request)));
        std::future::poll_fn(|context| {
            drive(connection, suppressor, context);
            let answered = answering.as_mut().poll(&mut quiet());
            again_if_stopped(&answered, context);
            answered
        })
        .await
    }
}

/// Lets a connection read and write what it can.
fn drive(
    connection: &mut Option<Connection<TokioIo<TcpStream>, SegmentedBody>>,
    suppressor: &mut WakeSuppressor,
    context: &Context<'_>,
) {
    if let Some(open) = connection
        && suppressor.poll(context, |context| Pin::new(open).poll(context)).is_ready()
    {
        // Whoever waits for something of the connection is told by its end.
        *connection = None;
    }
}

/// What a link tells the other end of itself comes while the link is polled, and the other end is asked right after that. So
/// that needs to wake nobody.
fn quiet() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// tokio stops a task that has done much at once by letting everything pend, and then wakes it by the waker it was given.
fn again_if_stopped<T>(poll: &Poll<T>, context: &Context<'_>) {
    if poll.is_pending() && !coop::has_budget_remaining() {
        context.waker().wake_by_ref();
    }
}

/// An answer's body, which gives its connection back when it has ended. Dropped before, it closes the connection.
#[derive(Debug)]
pub(super) struct PooledBody {
    incoming: Incoming,
    link: Option<Box<Link>>,
    idle: Arc<IdleLinks>,
}

impl PooledBody {
    fn give_back(&mut self) {
        if let Some(mut link) = self.link.take()
            && link.is_open()
        {
            self.idle.put(link);
        }
    }
}

impl Body for PooledBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // The link is polled before this task waits, whatever it is asked to do by whoever takes something from it.
        let (mut frame, _) = without_waking(|| Pin::new(&mut self.incoming).poll_frame(&mut quiet()));
        if frame.is_pending()
            && let Some(link) = &mut self.link
        {
            drive(&mut link.connection, &mut link.suppressor, context);
            let (again, stayed) = without_waking(|| Pin::new(&mut self.incoming).poll_frame(&mut quiet()));
            frame = again;
            if stayed && frame.is_pending() {
                context.waker().wake_by_ref();
            }
            again_if_stopped(&frame, context);
        }
        match &frame {
            Poll::Ready(Some(Err(_))) => self.link = None,
            Poll::Ready(_) if self.incoming.is_end_stream() => self.give_back(),
            Poll::Ready(None) => self.give_back(),
            Poll::Ready(_) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// The connections that nobody uses.
#[derive(Debug, Default)]
struct IdleLinks(Mutex<Idle>);

/// Connections, and since which look each is idle; the newest last.
type Resting = Vec<(u64, Box<Link>)>;

#[derive(Debug, Default)]
struct Idle {
    /// By host and port.
    links: HashMap<Box<str>, Resting, RandomState>,
    /// How many times they were looked through.
    looks: u64,
    /// Whether a task looks through them.
    watched: bool,
}

impl IdleLinks {
    /// The newest one. It may have been closed at the other end, which shows when it is used, before anything is sent.
    fn take(&self, authority: &Authority) -> Option<Box<Link>> {
        self.lock().links.get_mut(authority.as_str())?.pop().map(|(_, link)| link)
    }

    fn put(self: &Arc<Self>, link: Box<Link>) {
        let mut idle = self.lock();
        let (now, authority) = (idle.looks, link.authority.as_str());
        let links = match idle.links.get_mut(authority) {
            Some(links) => links,
            None => idle.links.entry(authority.into()).or_default(),
        };
        if links.len() < MAX_IDLE_PER_UPSTREAM {
            links.push((now, link));
        }
        if !std::mem::replace(&mut idle.watched, true) {
            tokio::spawn(watch(Arc::downgrade(self)));
        }
    }

    /// Closes what is too old or was closed at the other end. Returns whether anything is left.
    fn look_through(&self) -> bool {
        let mut idle = self.lock();
        idle.looks += 1;
        let now = idle.looks;
        idle.links.retain(|_, links| {
            links.retain_mut(|(since, link)| now - *since <= LOOKS && link.is_open());
            !links.is_empty()
        });
        idle.watched = !idle.links.is_empty();
        idle.watched
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn watch(idle: Weak<IdleLinks>) {
    loop {
        tokio::time::sleep(LOOK_THROUGH).await;
        if !idle.upgrade().is_some_and(|idle| idle.look_through()) {
            return;
        }
    }
}
