//! The thread that writes, and what requests see of it.

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

/// How many lines wait at most; further ones are dropped.
const QUEUE: usize = 4096;
/// How many bytes are written at once, while more lines wait.
const BATCH: usize = 64 * 1024;
/// What the chain adds to a line, and the line break.
const CHAINED: usize = 148;

/// Takes lines, and never lets a request wait.
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
    /// Answered when all lines before it are written.
    Flush(oneshot::Sender<()>),
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
}

impl DecisionLog {
    /// Opens the file and starts to write. At most 4,096 lines wait.
    ///
    /// # Errors
    ///
    /// [`DecisionLogError`] when the file or a thread cannot be had.
    pub fn start(settings: &config::DecisionLog) -> Result<Self, DecisionLogError> {
        Self::with_queue(settings, QUEUE)
    }

    /// The same for at most so many lines that wait; at least one.
    ///
    /// # Errors
    ///
    /// [`DecisionLogError`] when the file or a thread cannot be had.
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

    /// Whether lines should have what the decision was made of.
    #[must_use]
    pub fn replayable(&self) -> bool {
        self.replayable
    }

    /// Hands a line over; one for which there is no room is dropped and counted.
    pub fn write(&self, line: Box<Line>) {
        if self.sender.try_send(Message::Line(line)).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was handed over is written, but no longer than `patience`. Returns whether it is.
    pub async fn flush(&self, patience: Duration) -> bool {
        let (written, writing) = oneshot::channel();
        let flushed =
            async { self.sender.send(Message::Flush(written)).await.is_ok() && writing.await.is_ok() };
        tokio::time::timeout(patience, flushed).await.unwrap_or(false)
    }

    /// How many lines were written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.counts.written.load(Ordering::Relaxed)
    }

    /// How many lines were lost: there was no room for them, or they could not be written.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// How many lines wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }
}

/// What writing changes, to go back to if it fails.
#[derive(Clone)]
struct State {
    chain: Option<Chain>,
    /// How many dropped lines were told of.
    told: u64,
}

struct Writer {
    mask: Mask,
    file: Option<LogFile>,
    stdout: bool,
    counts: Arc<Counts>,
    /// As of the lines that wait in `batch`.
    state: State,
    /// As of the lines that are written.
    written: State,
    batch: Vec<u8>,
    batch_lines: u64,
    /// The last attempt failed: say so once.
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
        let state = State { chain, told: 0 };
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

    /// Writes until nobody is left to hand lines over.
    fn run(mut self, mut receiver: mpsc::Receiver<Message>) {
        while let Some(first) = receiver.blocking_recv() {
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Line(line) => self.add(*line),
                    Message::Flush(written) => {
                        self.write_batch();
                        // Nobody waits any more.
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
            // Writing may have failed, and then there is more to tell.
            encoded = self.encode(&mut line);
        }
        let Some(mut text) = encoded else {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.state.told += line.dropped.unwrap_or_default();
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
        let untold = self.counts.dropped.load(Ordering::Relaxed).saturating_sub(self.state.told);
        line.dropped = (untold > 0).then_some(untold);
        let json = serde_json::to_string(line).ok()?;
        // A log is read in terminals too.
        Some(escape_json(&json).into_owned().into_bytes())
    }

    /// Writes what is gathered. What cannot be written is dropped, and the chain goes on from the last line that was.
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
                // The lines are safe in the file.
                self.warn(error);
                self.stdout = false;
                return Ok(());
            }
            return printed;
        }
        Ok(())
    }

    /// A file that cannot be put aside grows: no line is lost for that.
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

/// The chain that goes on in a file. One that ends without a chain is put aside for a new one.
fn chain_of(file: &mut LogFile) -> Result<Chain, DecisionLogError> {
    if let Some(chain) = file.chain()? {
        return Ok(chain);
    }
    file.rotate().map_err(|cause| file.failed(cause))?;
    Ok(Chain::default())
}
