//! The thread that writes, and the handle that requests use.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::file::LogFile;
use super::mask::Mask;
use super::{Chain, DecisionLogError, Line};
use crate::config;
use crate::display::escape_json;

/// The maximum number of queued lines. Additional lines are dropped.
const QUEUE: usize = 4096;
/// The maximum number of bytes in one write, while more lines are queued.
const BATCH: usize = 64 * 1024;
/// The bytes that the chain adds to a line, including the line break.
const CHAINED: usize = 148;

/// Accepts lines without blocking a request.
#[derive(Debug)]
pub struct DecisionLog {
    sender: mpsc::Sender<Message>,
    counts: Arc<Counts>,
    sample_allowed: f64,
    replayable: bool,
}

#[derive(Debug)]
enum Message {
    Line(Box<Line>),
    /// Answered after all earlier lines are written.
    Flush(oneshot::Sender<()>),
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
}

impl DecisionLog {
    /// Opens the file and starts the thread. At most 4,096 lines are queued.
    ///
    /// # Errors
    ///
    /// [`DecisionLogError`] if the file cannot be opened or the thread cannot start.
    pub fn start(settings: &config::DecisionLog) -> Result<Self, DecisionLogError> {
        Self::with_queue(settings, QUEUE)
    }

    /// The same with this limit of queued lines, which is at least one.
    ///
    /// # Errors
    ///
    /// [`DecisionLogError`] if the file cannot be opened or the thread cannot start.
    pub fn with_queue(settings: &config::DecisionLog, lines: usize) -> Result<Self, DecisionLogError> {
        let counts = Arc::<Counts>::default();
        let writer = Writer::new(settings, counts.clone())?;
        let (sender, receiver) = mpsc::channel(lines.max(1));
        let thread = std::thread::Builder::new().name("decision-log".to_owned());
        thread.spawn(move || writer.run(receiver)).map_err(DecisionLogError::Thread)?;
        let (sample_allowed, replayable) = (settings.sample_allowed, settings.replayable);
        Ok(Self { sender, counts, sample_allowed, replayable })
    }

    /// The share of allowed requests that is logged.
    #[must_use]
    pub fn sample_allowed(&self) -> f64 {
        self.sample_allowed
    }

    /// Whether lines include the input of the decision.
    #[must_use]
    pub fn replayable(&self) -> bool {
        self.replayable
    }

    /// Queues a line. If the queue is full, the line is dropped and counted.
    pub fn write(&self, line: Box<Line>) {
        if self.sender.try_send(Message::Line(line)).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until the queued lines are written, but at most for `patience`. Returns whether they are written.
    pub async fn flush(&self, patience: Duration) -> bool {
        let (written, writing) = oneshot::channel();
        let flushed =
            async { self.sender.send(Message::Flush(written)).await.is_ok() && writing.await.is_ok() };
        tokio::time::timeout(patience, flushed).await.unwrap_or(false)
    }

    /// The number of written lines.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.counts.written.load(Ordering::Relaxed)
    }

    /// The number of lost lines. The queue was full, or they could not be written.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// The number of queued lines.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }
}

/// The state that writing changes. It is restored if a write fails.
#[derive(Clone)]
struct State {
    chain: Option<Chain>,
    /// The number of dropped lines that the log has reported.
    reported: u64,
}

struct Writer {
    mask: Mask,
    file: Option<LogFile>,
    stdout: bool,
    counts: Arc<Counts>,
    /// The state after the lines in `batch`.
    state: State,
    /// The state after the written lines.
    written: State,
    batch: Vec<u8>,
    batch_lines: u64,
    /// The last attempt failed. A failure is logged once.
    failing: bool,
}

impl Writer {
    fn new(settings: &config::DecisionLog, counts: Arc<Counts>) -> Result<Self, DecisionLogError> {
        let mut file = match &settings.file {
            Some(path) => Some(LogFile::open(path, settings.max_bytes, settings.keep)?),
            None => None,
        };
        let chain = match &mut file {
            _ if !settings.chain => None,
            Some(file) => Some(chain_of(file)?),
            None => Some(Chain::default()),
        };
        let state = State { chain, reported: 0 };
        Ok(Self {
            mask: Mask::new(&settings.mask),
            file,
            stdout: settings.stdout,
            counts,
            written: state.clone(),
            state,
            batch: Vec::new(),
            batch_lines: 0,
            failing: false,
        })
    }

    /// Writes until all senders are gone.
    fn run(mut self, mut receiver: mpsc::Receiver<Message>) {
        while let Some(first) = receiver.blocking_recv() {
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Line(line) => self.add(*line),
                    Message::Flush(written) => {
                        self.write_batch();
                        // The receiver no longer waits.
                        let _ = written.send(());
                    }
                }
                next = receiver.try_recv().ok();
            }
            self.write_batch();
        }
    }

    fn add(&mut self, mut line: Line) {
        self.mask.apply(&mut line);
        let mut encoded = self.encode(&mut line);
        let bytes = self.batch.len() + encoded.as_ref().map_or(0, Vec::len) + CHAINED;
        if self.file.as_ref().is_some_and(|file| !file.fits(bytes)) {
            self.write_batch();
            self.rotate();
            // A failed write adds dropped lines to report.
            encoded = self.encode(&mut line);
        }
        let Some(mut text) = encoded else {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.state.reported += line.dropped.unwrap_or_default();
        if let Some(chain) = &mut self.state.chain {
            chain.seal(&mut text);
        }
        text.push(b'\n');
        self.batch.append(&mut text);
        self.batch_lines += 1;
        if self.batch.len() >= BATCH {
            self.write_batch();
        }
    }

    fn encode(&self, line: &mut Line) -> Option<Vec<u8>> {
        let unreported = self.counts.dropped.load(Ordering::Relaxed).saturating_sub(self.state.reported);
        line.dropped = (unreported > 0).then_some(unreported);
        let json = serde_json::to_string(line).ok()?;
        // Logs are also read in terminals.
        Some(escape_json(&json).into_owned().into_bytes())
    }

    /// Writes the batch. If that fails, the batch is dropped, and the chain continues from the last written line.
    fn write_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut self.batch_lines);
        match self.write() {
            Ok(()) => {
                if std::mem::replace(&mut self.failing, false) {
                    let dropped = self.counts.dropped.load(Ordering::Relaxed);
                    tracing::info!(dropped, "the decision log is written again");
                }
                self.counts.written.fetch_add(lines, Ordering::Relaxed);
                self.written = self.state.clone();
            }
            Err(error) => {
                self.warn(&error);
                self.counts.dropped.fetch_add(lines, Ordering::Relaxed);
                self.state = self.written.clone();
            }
        }
        self.batch.clear();
    }

    fn write(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.append(&self.batch)?;
        }
        if self.stdout {
            let mut stdout = io::stdout().lock();
            let printed = stdout.write_all(&self.batch).and_then(|()| stdout.flush());
            if let (Err(error), Some(_)) = (&printed, &self.file) {
                // The lines are already in the file.
                self.warn(error);
                self.stdout = false;
                return Ok(());
            }
            return printed;
        }
        Ok(())
    }

    /// If a file cannot be rotated, it grows. No line is lost for that.
    fn rotate(&mut self) {
        if let Some(Err(error)) = self.file.as_mut().map(LogFile::rotate) {
            self.warn(&error);
        }
    }

    fn warn(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!("the decision log cannot be written: {error}");
        }
    }
}

/// The chain that continues in a file. A file without a valid chain is rotated, and a new one begins.
fn chain_of(file: &mut LogFile) -> Result<Chain, DecisionLogError> {
    if let Some(chain) = file.chain()? {
        return Ok(chain);
    }
    file.rotate().map_err(|cause| file.failed(cause))?;
    Ok(Chain::default())
}
