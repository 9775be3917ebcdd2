//! A pool of plain HTTP/1.1 connections to upstreams. The request that uses a connection polls it.
//!
//! hyper's own client runs a task for each connection. A request, its response and each chunk of its body
//! then cross between tasks, and usually between threads. Here the task that waits for the response polls the
//! connection itself. Idle connections are not polled. A connection that the upstream closed is detected on
//! reuse, or by a periodic sweep.

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
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use crate::gateway::http::segmented_body::SegmentedBody;
use crate::gateway::http::send_gate::Overtaken;
use crate::gateway::http::wake_suppression::{WakeSuppressor, without_waking};

/// The size of the read buffer for a response that the caller has not taken yet.
pub(super) const READ_BUFFER: usize = 64 * 1024;
const LOOK_THROUGH: Duration = Duration::from_secs(10);
/// The number of sweeps after which an idle connection is closed. It then has been idle for about a minute.
const LOOKS: u64 = 6;
/// The maximum number of idle connections. Others are closed when they become idle.
const MAX_IDLE_PER_UPSTREAM: usize = 1024;

/// The pool, by host and port.
#[derive(Debug)]
pub(super) struct Pool {
    connector: TowerToHyperService<HttpConnector>,
    idle: Arc<IdleLinks>,
}

/// The reason that there is no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum PoolError {
    #[error("no address to connect to")]
    Address,
    #[error("no response in time")]
    Timeout,
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

    /// An idle connection, if there is one.
    pub(super) fn idle(&self, target: &Uri) -> Option<Box<Link>> {
        self.idle.take(target.authority()?)
    }

    /// Sends a request with an absolute URI over a connection to its authority.
    ///
    /// If the connection turns out to be closed before any byte of the request was sent, a new connection
    /// replaces it, provided that `may_be_sent` still returns true. No request is sent twice. The response must begin before
    /// `deadline`.
    pub(in crate::gateway) async fn send(
        &self,
        request: &mut Request<SegmentedBody>,
        link: Box<Link>,
        deadline: Instant,
        may_be_sent: &(dyn Fn() -> bool + Sync),
    ) -> Result<Response<PooledBody>, PoolError> {
        let origin = request.uri().path_and_query().cloned();
        let target = std::mem::replace(request.uri_mut(), Uri::from(origin.unwrap_or_else(root)));
        let authority = target.authority().ok_or(PoolError::Address)?;
        let mut next = Some(link);
        while let Some(mut link) = next {
            match link.exchange(request, deadline).await? {
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
        // Boxed, so that a request with an idle connection does not reserve memory for it.
        let connected = Box::pin(timeout_at(deadline, self.connect(&target))).await;
        let mut link = connected.map_err(|_| PoolError::Timeout)??;
        if !may_be_sent() {
            return Err(Overtaken.into());
        }
        let answer = link.exchange(request, deadline).await?.map_err(TrySendError::into_error)?;
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
            alarm: Box::pin(sleep_until(Instant::now())),
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

/// The value of `Host`. It has no default port and no user information.
fn host(authority: &Authority) -> Option<HeaderValue> {
    match authority.port_u16() {
        Some(80) | None => HeaderValue::from_str(authority.host()).ok(),
        Some(port) if !authority.as_str().contains('@') && port != 80 => {
            HeaderValue::from_str(authority.as_str()).ok()
        }
        Some(port) => HeaderValue::from_str(&format!("{}:{port}", authority.host())).ok(),
    }
}

/// A connection with hyper's sender and its driver.
#[derive(Debug)]
pub(in crate::gateway) struct Link {
    authority: Authority,
    host: HeaderValue,
    sender: SendRequest<SegmentedBody>,
    /// `None` after the connection has ended.
    connection: Option<Connection<TokioIo<TcpStream>, SegmentedBody>>,
    suppressor: WakeSuppressor,
    /// The timer of the response. It is kept, because moving a timer to a later time costs far less than a new one.
    alarm: Pin<Box<Sleep>>,
}

impl Link {
    /// Whether the connection accepts another request, as far as is known without waiting.
    fn is_open(&mut self) -> bool {
        drive(&mut self.connection, &mut self.suppressor, &quiet());
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Sends a request, and waits for the head of its response, but not longer than until `deadline`.
    async fn exchange(
        &mut self,
        request: &mut Request<SegmentedBody>,
        deadline: Instant,
    ) -> Result<Result<Response<Incoming>, TrySendError<Request<SegmentedBody>>>, PoolError> {
        let Self { sender, connection, suppressor, host, alarm, .. } = self;
        alarm.as_mut().reset(deadline);
        request.headers_mut().insert(HOST, host.clone());
        let mut answering = pin!(sender.try_send_request(std::mem::take(request)));
        std::future::poll_fn(|context| {
            drive(connection, suppressor, context);
            let answered = answering.as_mut().poll(&mut quiet());
            again_if_stopped(&answered, context);
            match answered {
                Poll::Ready(answered) => Poll::Ready(Ok(answered)),
                Poll::Pending => alarm.as_mut().poll(context).map(|()| Err(PoolError::Timeout)),
            }
        })
        .await
    }
}

/// Polls a connection, so that it reads and writes what it can.
fn drive(
    connection: &mut Option<Connection<TokioIo<TcpStream>, SegmentedBody>>,
    suppressor: &mut WakeSuppressor,
    context: &Context<'_>,
) {
    if let Some(open) = connection
        && suppressor.poll(context, |context| Pin::new(open).poll(context)).is_ready()
    {
        // Waiters are notified by the end of the connection.
        *connection = None;
    }
}

/// The driver sends its notifications while it is polled, and the receiving half is polled directly
/// afterwards. So these notifications need no wake-up.
fn quiet() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// When a task uses up its budget, tokio returns `Pending` from every resource, and then wakes the task
/// through the waker that it was given.
fn again_if_stopped<T>(poll: &Poll<T>, context: &Context<'_>) {
    if poll.is_pending() && !coop::has_budget_remaining() {
        context.waker().wake_by_ref();
    }
}

/// A response body. At its end it returns its connection to the pool. If it is dropped earlier, the
/// connection is closed.
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
        // This task always polls the connection before it waits, so it needs no wake-up from the body's
        // receiver.
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

/// The idle connections.
#[derive(Debug, Default)]
struct IdleLinks(Mutex<Idle>);

/// The connections with the number of the sweep since which each is idle, newest last.
type Resting = Vec<(u64, Box<Link>)>;

#[derive(Debug, Default)]
struct Idle {
    /// The idle connections by host and port.
    links: HashMap<Box<str>, Resting, RandomState>,
    /// The number of sweeps so far.
    looks: u64,
    /// Whether a sweeping task is running.
    watched: bool,
}

impl IdleLinks {
    /// The newest idle connection. The upstream may have closed it. That is detected on use, before anything
    /// is sent.
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

    /// Closes connections that are too old or that the upstream closed. Returns whether any are left.
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
