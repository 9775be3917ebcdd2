//! The admin listener. It exposes health, metrics and the active configuration to operators and their tools. Callers do
//! not use it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::api::OperatorApi;
use super::routes::Routes;
use crate::config::Limits;
use crate::gateway::doors::unix::UnixServer;
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::limits::counter::Counter;
use crate::gateway::listener::connection::Common;
use crate::gateway::listener::server::{self, ServerError};
use crate::gateway::reload::reloader::Reloader;

/// The maximum number of connections. Operators have their own listener, so that callers cannot block them.
const CONNECTIONS: usize = 256;

/// A second socket with its own routes. Without `modelgate.admin_auth`, anyone who can reach it may use it.
pub struct Admin {
    socket: Socket,
    routes: Routes,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixServer, PathBuf),
}

/// The admin listener cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The address is in use or does not belong to this machine.
    #[error(transparent)]
    Listen(#[from] ServerError),
    /// Other machines can reach the address, and nobody has to show who they are.
    #[error(
        "other machines may reach `{0}`, and `modelgate.admin_auth` is not set: set it, or use a loopback address or a Unix socket"
    )]
    Open(SocketAddr),
}

impl Admin {
    /// Listens on an address; port 0 selects a free port.
    ///
    /// # Errors
    ///
    /// [`AdminError`] if the address is in use or does not belong to this machine, or if other machines can reach it and
    /// `modelgate.admin_auth` is not set.
    pub async fn bind(address: SocketAddr, reloader: Arc<Reloader>) -> Result<Self, AdminError> {
        let has_auth = reloader.gateway().active().snapshot().config().gateway.admin_auth.is_some();
        if !has_auth && !address.ip().to_canonical().is_loopback() {
            return Err(AdminError::Open(address));
        }
        let listener = server::bind(address).await?;
        let address = listener.local_addr().unwrap_or(address);
        Ok(Self { socket: Socket::Tcp(listener), routes: routes(reloader, Some(address)) })
    }

    /// Listens on a Unix socket. The permissions of its directory say who may connect.
    ///
    /// # Errors
    ///
    /// [`AdminError`] if the socket cannot be created.
    pub async fn bind_unix(path: &Path, reloader: Arc<Reloader>) -> Result<Self, AdminError> {
        let socket = Socket::Unix(UnixServer::bind(path)?, path.to_owned());
        Ok(Self { socket, routes: routes(reloader, None) })
    }

    /// The same with more routes.
    #[cfg(feature = "cli")]
    #[must_use]
    pub(crate) fn with_api(mut self, api: Arc<dyn OperatorApi>) -> Self {
        self.routes.api = Some(api);
        self
    }

    /// The address of the listener.
    ///
    /// # Errors
    ///
    /// The system cannot return the address, or it is a Unix socket.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr(),
            Socket::Unix(..) => Err(std::io::ErrorKind::Unsupported.into()),
        }
    }

    /// The place of the listener: a URL, or `unix:` and the path of a socket.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.socket {
            Socket::Tcp(_) => {
                self.routes.address.map(|address| format!("http://{address}")).unwrap_or_default()
            }
            Socket::Unix(_, path) => format!("unix:{}", path.display()),
        }
    }

    /// Serves until `drained`. After `draining`, it reports that it is not ready, so that load balancers send no new
    /// requests.
    pub async fn run(self, draining: impl Future<Output = ()>, drained: impl Future<Output = ()>) {
        let routes = Arc::new(self.routes);
        let observers = Arc::clone(routes.reloader.gateway().observers());
        let limits = Limits { connections: CONNECTIONS, ..Limits::default() };
        let common = Arc::new(Common::new(move || limits, Counter::default(), observers));
        let stopped = async {
            drained.await;
            routes.stopping.send_replace(true);
        };
        let answers = Arc::clone(&routes);
        let answer = move |incoming: IncomingRequest| {
            let routes = Arc::clone(&answers);
            async move { routes.answer(incoming).await }
        };
        let serving = async {
            match self.socket {
                Socket::Tcp(listener) => server::serve_until(listener, None, common, stopped, answer).await,
                Socket::Unix(server, _) => server.serve_until(common, stopped, answer).await,
            }
        };
        let announcing = async {
            draining.await;
            routes.draining.store(true, Ordering::Release);
        };
        tokio::join!(serving, announcing);
    }
}

fn routes(reloader: Arc<Reloader>, address: Option<SocketAddr>) -> Routes {
    let draining = AtomicBool::new(false);
    let stopping = watch::Sender::new(false);
    Routes { reloader, address, api: None, draining, stopping, body_bytes: Counter::default() }
}
