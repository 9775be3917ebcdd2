//! Accepts connections, and lets them finish.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::respond::Answer;
use super::source::Peer;
use super::{Gateway, tls};

const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEADER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;
const MAX_STREAMS: u32 = 256;
/// After a failed `accept`, as when file descriptors run out: long enough for some to be freed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A gateway on a socket.
pub struct Server {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    gateway: Arc<Gateway>,
}

/// The server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`: {source}")]
pub struct ServerError {
    address: SocketAddr,
    source: std::io::Error,
}

impl Server {
    /// Listens on an address; port 0 takes a free one. It speaks TLS if there is a certificate in force now.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when the address is taken or not ours.
    pub async fn bind(address: SocketAddr, gateway: Arc<Gateway>) -> Result<Self, ServerError> {
        let tls = gateway.in_force().certificate.as_ref().map(|_| tls::acceptor(&gateway)).transpose();
        let tls = tls.map_err(|error| ServerError { address, source: std::io::Error::other(error) })?;
        Ok(Self { listener: bind(address).await?, tls, gateway })
    }

    /// Where the server listens.
    ///
    /// # Errors
    ///
    /// If the system cannot say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown`, then lets requests in flight finish for up to 30 seconds.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let gateway = self.gateway;
        let observers = Arc::clone(gateway.observers());
        serve_until(self.listener, self.tls, shutdown, move |request| Arc::clone(&gateway).handle(request))
            .await;
        observers.flush().await;
    }
}

pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError { address, source })
}

/// Answers what comes in until `shutdown`, then lets requests in flight finish for up to 30 seconds.
pub(super) async fn serve_until<F, A>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shutdown: impl Future<Output = ()>,
    answer: F,
) where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let builder = builder();
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => serve(stream, peer.ip(), tls.clone(), builder.clone(), graceful.watcher(), answer.clone()),
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in flight when the drain time ran out");
    }
}

pub(super) fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES as u32)
        .keep_alive_interval(Duration::from_secs(30));
    builder
}

fn serve<F, A>(
    stream: TcpStream,
    peer: IpAddr,
    tls: Option<TlsAcceptor>,
    builder: auto::Builder<TokioExecutor>,
    watcher: Watcher,
    answer: F,
) where
    F: Fn(Request<Incoming>) -> A + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    // A small answer would wait for the acknowledgement of the one before it; losing that is no reason to refuse.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    tokio::spawn(async move {
        let ended = match tls {
            None => watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned()).await,
            Some(acceptor) => {
                let Some(stream) = tls::handshake(acceptor, stream).await else { return };
                watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned()).await
            }
        };
        if let Err(error) = ended {
            tracing::debug!("a connection ended early: {error}");
        }
    });
}
