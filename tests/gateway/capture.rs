//! Captures the log of this process at the levels that could show credentials.

use std::io;
use std::sync::{Mutex, Once};

use tracing_subscriber::EnvFilter;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static BEGIN: Once = Once::new();

/// Starts to capture. All tests of a process share the log.
pub(crate) fn begin() {
    BEGIN.call_once(|| {
        let filter = EnvFilter::new("modelgate=trace,aws_sigv4=trace,hyper_util=trace");
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
        subscriber.with_writer(|| Writer).init();
    });
}

/// The log so far.
pub(crate) fn so_far() -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
