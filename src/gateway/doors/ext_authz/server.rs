//! The listener.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Method, Version};
use tokio::net::TcpListener;

use super::{check, plain};
use crate::config::{ExtAuthz, SocketAddress};
use crate::gateway::doors::ask::common;
use crate::gateway::doors::unix::UnixServer;
use crate::gateway::http::error_response::Answer;
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::listener::server::{self, ServerError};
use crate::gateway::listener::tls::{self, TlsSource};
use crate::gateway::pipeline::Gateway;

/// The listener of `modelgate.ext_authz`.
pub struct ExtAuthzServer {
    socket: Socket,
    gateway: Arc<Gateway>,
}

enum Socket {
    Tcp(TcpListener, Option<TlsSource>),
    Unix(UnixServer),
}

impl ExtAuthzServer {
    /// Listens on the address of the settings; port 0 selects a free port.
    ///
    /// # Errors
    ///
    /// The address is in use, or does not belong to this machine.
    pub async fn bind(settings: &ExtAuthz, gateway: Arc<Gateway>) -> Result<Self, ServerError> {
        let socket = match &settings.listen {
            SocketAddress::Tcp(address) => {
                let tls = tls::source(&gateway, |listeners| listeners.ext_authz.as_ref());
                Socket::Tcp(server::bind(*address).await?, tls)
            }
            SocketAddress::Unix(path) => Socket::Unix(UnixServer::bind(path)?),
        };
        Ok(Self { socket, gateway })
    }

    /// The address of the listener; `None` for a Unix socket.
    ///
    /// # Errors
    ///
    /// The system cannot return the address.
    pub fn local_addr(&self) -> std::io::Result<Option<SocketAddr>> {
        match &self.socket {
            Socket::Tcp(listener, _) => listener.local_addr().map(Some),
            Socket::Unix(_) => Ok(None),
        }
    }

    /// Answers until `shutdown`, then lets questions in flight finish.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { socket, gateway } = self;
        let common = common(&gateway);
        let answer = move |incoming| answer(Arc::clone(&gateway), incoming);
        match socket {
            Socket::Tcp(listener, tls) => {
                server::serve_until(listener, tls, common, shutdown, answer).await;
            }
            Socket::Unix(server) => server.serve_until(common, shutdown, answer).await,
        }
    }
}

async fn answer(gateway: Arc<Gateway>, incoming: IncomingRequest) -> Answer {
    // A caller may send such a request to Envoy, whose HTTP service would take any gRPC answer for a permission.
    let is_grpc = incoming.head.version == Version::HTTP_2
        && incoming.head.method == Method::POST
        && incoming.head.uri.path() == check::PATH
        && incoming
            .head
            .headers
            .get("content-type")
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if is_grpc { check::answer(&gateway, incoming).await } else { plain::answer(&gateway, incoming).await }
}
