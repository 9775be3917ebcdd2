//! A listener on a Unix socket, for a proxy or an operator on the same machine. The permissions of the socket's directory say who may connect.

use std::future::poll_fn;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::gateway::http::error_response::Answer;
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::listener::answers::Answers;
use crate::gateway::listener::connection::Common;
use crate::gateway::listener::h2_streams::Streams;
use crate::gateway::listener::protocol::Protocol;
use crate::gateway::listener::rewound::Rewound;
use crate::gateway::listener::server::{self, Listen, ServerError};
use crate::gateway::listener::timeouts::ConnectionTimeouts;

/// A Unix socket. Its file is removed at the end.
pub(in crate::gateway) struct UnixServer {
    listener: UnixListener,
    path: PathBuf,
}

impl UnixServer {
    /// Listens at a path. The socket of a process that has ended is replaced.
    pub(in crate::gateway) fn bind(path: &Path) -> Result<Self, ServerError> {
        let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
        if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
            // If this fails, binding fails too.
            let _ = std::fs::remove_file(path);
        }
        let bound = UnixListener::bind(path);
        let listener =
            bound.map_err(|source| ServerError::new(format!("unix:{}", path.display()), source))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Serves connections until `shutdown`, then lets requests in flight finish for a limited time.
    pub(in crate::gateway) async fn serve_until<F, A>(
        self,
        common: Arc<Common>,
        shutdown: impl Future<Output = ()>,
        answer: F,
    ) where
        F: Fn(IncomingRequest) -> A + Clone + Send + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        server::accept_until(self, &common, shutdown, |stream, draining| {
            tokio::spawn(serve(stream, Arc::clone(&common), draining, answer.clone()));
        })
        .await;
    }
}

impl Listen for UnixServer {
    type Accepted = UnixStream;

    async fn accept(&self) -> std::io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }
}

impl Drop for UnixServer {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn serve<F, A>(stream: UnixStream, common: Arc<Common>, mut draining: watch::Receiver<()>, answer: F)
where
    F: Fn(IncomingRequest) -> A + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let limits = (common.limits)();
    let Some(_place) = common.connections.take_one(limits.connections) else { return };
    let streams = Streams::new(limits.write_timeout, Arc::clone(&common.observers));
    let timeouts = ConnectionTimeouts::new(Instant::now());
    let answers = Answers::new(&timeouts, streams, move |incoming| Box::pin(answer(incoming)));
    let stream = Rewound::new(stream);
    let begun = tokio::select! {
        begun = Protocol::begin(&limits, false, stream, answers) => begun,
        _ = draining.changed() => return,
    };
    let Ok(mut connection) = begun else { return };
    tokio::select! {
        _ = poll_fn(|context| connection.poll(context)) => return,
        _ = draining.changed() => connection.graceful_shutdown(),
    }
    let _ = poll_fn(|context| connection.poll(context)).await;
}
