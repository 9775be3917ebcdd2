//! Limits the work that costs time, so that it never takes the processors from the gateway.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use super::answer::ApiError;

/// The maximum number of jobs at once.
const AT_ONCE: usize = 2;
/// The stack of a job. Cedar's functions call themselves for each level of a policy.
const STACK: usize = 256 * 1024 * 1024;
/// How long a job waits for its turn, and how long it may take.
const TURN: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

pub(super) struct Jobs(Arc<Semaphore>);

impl Jobs {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    /// Runs work on a thread of its own. A job that takes too long keeps its place until it ends.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = tokio::time::timeout(TURN, Arc::clone(&self.0).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(ApiError::Unavailable("too many questions at once: ask again".to_owned()));
        };
        let (finished, working) = oneshot::channel();
        let thread = std::thread::Builder::new().name("admin-api".to_owned()).stack_size(STACK);
        let begun = thread.spawn(move || {
            let done = work();
            drop(place);
            // The client no longer waits.
            let _ = finished.send(done);
        });
        begun.map_err(|_| ApiError::Unavailable("no thread can be started".to_owned()))?;
        match tokio::time::timeout(LONGEST, working).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(ApiError::Panicked),
            Err(_) => Err(ApiError::Unavailable(
                "the answer takes too long: ask about less, or use the command line".to_owned(),
            )),
        }
    }
}
