//! TLS of a listener, whose certificates may change while connections are open.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::gateway::limits::limit::Limit;
use crate::gateway::loading::listeners::ListenerTls;
use crate::gateway::pipeline::Gateway;
use crate::gateway::tls::server::ServerTls;

/// Returns the active TLS of a listener. Each connection uses the one that is active when it begins.
pub(in crate::gateway) type TlsSource = Arc<dyn Fn() -> Option<Arc<ServerTls>> + Send + Sync>;

/// The TLS of a listener; `None` if it does not speak TLS now, which a reload does not change.
pub(in crate::gateway) fn source(
    gateway: &Arc<Gateway>,
    of: fn(&ListenerTls) -> Option<&Arc<ServerTls>>,
) -> Option<TlsSource> {
    of(&gateway.active().tls)?;
    let gateway = Arc::clone(gateway);
    Some(Arc::new(move || of(&gateway.active().tls).cloned()))
}

/// The handshake may fail, or exceed its time limit.
pub(in crate::gateway) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    tls: &ServerTls,
    stream: S,
    time: Duration,
) -> Result<TlsStream<S>, Option<Limit>> {
    let acceptor = TlsAcceptor::from(Arc::clone(&tls.config));
    match tokio::time::timeout(time, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            tracing::debug!("a TLS handshake failed: {error}");
            Err(None)
        }
        Err(_) => Err(Some(Limit::HeaderTimeout)),
    }
}
