//! Reloads when a source file changes.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::reloader::Reloader;
use crate::reload::{LONGEST_BURST, QUIET, Watched};

impl Reloader {
    /// Reloads when a file changes. Runs until it is dropped.
    ///
    /// # Errors
    ///
    /// The system cannot watch files.
    pub async fn watch(self: Arc<Self>) -> notify::Result<()> {
        let changed = Arc::new(Notify::new());
        let noticed = Arc::clone(&changed);
        let mut watched = Watched::start(move || noticed.notify_one())?;
        loop {
            let roots = self.roots();
            let config = self.config_file().to_owned();
            let covered = tokio::task::spawn_blocking(move || {
                let more = watched.cover(&config, &roots);
                (watched, more)
            });
            let Ok((covered, more)) = covered.await else { return Ok(()) };
            watched = covered;
            // A change before the watch began is found by checking again.
            if !more {
                changed.notified().await;
                settle(&changed).await;
            }
            self.reload().await;
        }
    }
}

/// Waits until a burst of changes has ended.
async fn settle(changed: &Notify) {
    let began = Instant::now();
    while began.elapsed() < LONGEST_BURST && tokio::time::timeout(QUIET, changed.notified()).await.is_ok() {}
}
