//! Accepts connections, and drains them at shutdown.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::accept::Failures;
use super::connection::{self, Accepted, Common};
use super::fd_limit;
use super::tls::{self, TlsSource};
use crate::gateway::http::error_response::Answer;
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::pipeline::Gateway;

/// A gateway on a socket.
pub struct Server {
    listener: TcpListener,
    tls: Option<TlsSource>,
    gateway: Arc<Gateway>,
}

/// The server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`: {source}")]
pub struct ServerError {
    address: String,
    source: std::io::Error,
}

impl ServerError {
    pub(in crate::gateway) fn new(address: impl ToString, source: std::io::Error) -> Self {
        Self { address: address.to_string(), source }
    }
}

impl Server {
    /// Listens on an address; port 0 selects a free port. The server speaks TLS if the active configuration has a
    /// certificate.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use modelgate::{config::Config, engine::Snapshot, gateway::{Gateway, Generation, Server}};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let yaml = "general_settings: {master_key: sk-1}\nmodel_list: []\n";
    /// let snapshot = Snapshot::build(Config::parse("config.yaml", yaml, ".".as_ref(), &|_| None)?)?;
    /// let gateway = Arc::new(Gateway::new(Generation::new(snapshot, None))?);
    /// let server = Server::bind("127.0.0.1:0".parse()?, gateway).await?;
    /// println!("listening on {}", server.local_addr()?);
    /// server.run(async { /* wait for a signal */ }).await;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ServerError`] if the address is in use or does not belong to this machine.
    pub async fn bind(address: SocketAddr, gateway: Arc<Gateway>) -> Result<Self, ServerError> {
        let tls = tls::source(&gateway, |listeners| listeners.gateway.as_ref());
        Ok(Self { listener: bind(address).await?, tls, gateway })
    }

    /// The address of the server.
    ///
    /// # Errors
    ///
    /// The system cannot return the address.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown`, then lets requests in flight finish for up to `modelgate.limits.drain_timeout`.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let gateway = self.gateway;
        let observers = Arc::clone(gateway.observers());
        let most = fd_limit::connections();
        let configured = Arc::clone(&gateway);
        let limits = move || {
            let mut limits = configured.active().snapshot().config().gateway.limits;
            limits.connections = limits.connections.min(most);
            limits
        };
        let wanted = gateway.active().snapshot().config().gateway.limits.connections;
        if most < wanted {
            tracing::warn!(
                "there are file descriptors for {most} connections, not for {wanted}: raise the limit of open files"
            );
        }
        let common =
            Arc::new(Common::new(limits, gateway.load().connections.clone(), Arc::clone(&observers)));
        let answer = move |incoming| Arc::clone(&gateway).handle(incoming);
        serve_until(self.listener, self.tls, common, shutdown, answer).await;
        observers.flush().await;
    }
}

pub(in crate::gateway) async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::new(address, source))
}

/// A socket that accepts connections.
pub(in crate::gateway) trait Listen {
    /// A connection.
    type Accepted;

    fn accept(&self) -> impl Future<Output = std::io::Result<Self::Accepted>> + Send;
}

impl Listen for TcpListener {
    type Accepted = (TcpStream, SocketAddr);

    async fn accept(&self) -> std::io::Result<Self::Accepted> {
        Self::accept(self).await
    }
}

/// Serves connections until `shutdown`, then lets requests in flight finish for a limited time.
pub(in crate::gateway) async fn serve_until<F, A>(
    listener: TcpListener,
    tls: Option<TlsSource>,
    common: Arc<Common>,
    shutdown: impl Future<Output = ()>,
    answer: F,
) where
    F: Fn(IncomingRequest) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    accept_until(listener, &common, shutdown, |(stream, peer), draining| {
        let active = tls.as_ref().map(|tls| tls());
        // A listener that speaks TLS serves nothing without it.
        if let Some(None) = active {
            return;
        }
        let accepted = Accepted { stream, peer: peer.ip(), tls: active.flatten(), draining };
        connection::begin(accepted, &common, answer.clone());
    })
    .await;
}

/// Begins to serve each connection until `shutdown`, then waits a limited time until the connections have ended. Each of them
/// holds the receiver, which changes at `shutdown`.
pub(in crate::gateway) async fn accept_until<L: Listen>(
    listener: L,
    common: &Arc<Common>,
    shutdown: impl Future<Output = ()>,
    begin: impl Fn(L::Accepted, watch::Receiver<()>),
) {
    let mut failures = Failures::new(&common.observers);
    let (drain, draining) = watch::channel(());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => begin(accepted, draining.clone()),
                Err(error) => failures.pause(&error).await,
            },
            () = &mut shutdown => break,
        }
    }
    drop((listener, draining));
    // Without a connection, there is no client to answer.
    let _ = drain.send(());
    let drain_timeout = (common.limits)().drain_timeout;
    if tokio::time::timeout(drain_timeout, drain.closed()).await.is_err() {
        tracing::warn!("requests were still in flight when the drain time ran out, and are cut off");
    }
}
