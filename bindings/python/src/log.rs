//! Passes messages to Python's `logging`, under the name `modelgate`.

use std::fmt::{Debug, Write as _};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry;

/// Begins to pass messages. A second module in one process changes nothing.
pub(crate) fn start() {
    let _ = tracing::subscriber::set_global_default(registry().with(PythonLog));
}

struct PythonLog;

impl<S: Subscriber> Layer<S> for PythonLog {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("modelgate")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            _ => 20,
        };
        let mut text = Text::default();
        event.record(&mut text);
        // While the interpreter ends, nobody reads messages. A handler that fails must not change a decision.
        let _ = Python::try_attach(|py| -> PyResult<()> {
            logger(py)?.call_method1("log", (level, "%s", text.0)).map(drop)
        });
    }
}

fn logger(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let logger = LOGGER.get_or_try_init(py, || {
        py.import("logging")?.call_method1("getLogger", ("modelgate",)).map(Bound::unbind)
    });
    logger.map(|logger| logger.bind(py))
}

/// The message, then the fields.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
