//! The rules that Python code holds.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::UNIX_EPOCH;

use arc_swap::ArcSwapOption;
use modelgate::gateway::{AuthzRequest, Outcome};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt as _;
use pyo3::types::PyDict;
use tokio::runtime::Runtime;

use crate::arguments::{Body, Claims, Described, Headers, Peer, Text};
use crate::decision::Decision;
use crate::process::{ConfigError, Files, Prepared, Running, absolute};

/// Rules from files, and decisions by them.
#[pyclass(frozen, subclass, module = "modelgate_policy._native")]
pub(crate) struct Rules {
    files: Files,
    running: ArcSwapOption<Running>,
    state: Mutex<State>,
}

/// What the next start uses.
enum State {
    Prepared(Box<Prepared>),
    /// The rules run, here or in the process that this one was forked from.
    Started,
    Closed,
}

type Deciding = Pin<Box<dyn Future<Output = Decision> + Send>>;

/// A decision that waits for the network, as for the keys of an identity provider.
#[pyclass(frozen, module = "modelgate_policy._native")]
pub(crate) struct Pending {
    waiting: Mutex<Option<Deciding>>,
    running: Arc<Running>,
}

#[pymethods]
impl Rules {
    #[new]
    #[pyo3(signature = (path, policies=None, *, watch=true))]
    fn new(py: Python<'_>, path: PathBuf, policies: Option<PathBuf>, watch: bool) -> PyResult<Self> {
        let policies = policies.as_deref().map(absolute).transpose()?;
        let files = Files { config: absolute(&path)?, policies, watch };
        let prepared = py.detach(|| files.prepare())?;
        let state = Mutex::new(State::Prepared(Box::new(prepared)));
        Ok(Self { files, running: ArcSwapOption::empty(), state })
    }

    /// Starts the threads of this process, which fetch keys and watch the files. The first decision does it too.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        self.running(py).map(drop)
    }

    /// Decides a request. It waits for the network only while the keys of a token are unknown.
    #[pyo3(signature = (path, method=Text::from("POST"), *, headers=Headers::default(), body=Body::EMPTY, token=None, claims=None, peer=None),
        text_signature = "($self, path, method='POST', *, headers=(), body=b'', token=None, claims=None, peer=None)")]
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    fn decide(
        &self,
        py: Python<'_>,
        path: Text,
        method: Text,
        headers: Headers,
        body: Body,
        token: Option<Text>,
        claims: Option<Claims>,
        peer: Option<Peer>,
    ) -> PyResult<Decision> {
        let described = Described { method, path, headers, body, token, claims, peer };
        match self.begun(py, described)? {
            Begun::Decided(decision) => Ok(decision),
            Begun::Waiting(waiting, running) => py.detach(|| finish(&running, waiting)),
        }
    }

    /// Decides a request, or returns what waits for the network.
    #[pyo3(signature = (path, method=Text::from("POST"), *, headers=Headers::default(), body=Body::EMPTY, token=None, claims=None, peer=None),
        text_signature = "($self, path, method='POST', *, headers=(), body=b'', token=None, claims=None, peer=None)")]
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    fn begin<'py>(
        &self,
        py: Python<'py>,
        path: Text,
        method: Text,
        headers: Headers,
        body: Body,
        token: Option<Text>,
        claims: Option<Claims>,
        peer: Option<Peer>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let described = Described { method, path, headers, body, token, claims, peer };
        Ok(match self.begun(py, described)? {
            Begun::Decided(decision) => Bound::new(py, decision)?.into_any(),
            Begun::Waiting(waiting, running) => {
                Bound::new(py, Pending { waiting: Mutex::new(Some(waiting)), running })?.into_any()
            }
        })
    }

    /// The names of the models that the caller may use, as `/v1/models` lists them. Empty if that request is denied.
    #[pyo3(signature = (*, headers=Headers::default(), token=None, claims=None, peer=None),
        text_signature = "($self, *, headers=(), token=None, claims=None, peer=None)")]
    fn models(
        &self,
        py: Python<'_>,
        headers: Headers,
        token: Option<Text>,
        claims: Option<Claims>,
        peer: Option<Peer>,
    ) -> PyResult<Vec<String>> {
        let decision =
            self.decide(py, LIST.into(), "GET".into(), headers, Body::EMPTY, token, claims, peer)?;
        let list = decision.listing().and_then(|list| serde_json::from_slice::<Listing>(list).ok());
        Ok(list.map(|list| list.data.into_iter().map(|model| model.id).collect()).unwrap_or_default())
    }

    /// Reads the files again, if they changed. `refused`: they are invalid, and the rules before stay active.
    fn reload(&self, py: Python<'_>) -> PyResult<&'static str> {
        let running = self.running(py)?;
        let outcome = py.detach(|| {
            let reloading = Arc::clone(&running.reloader);
            running.runtime().map(|runtime| runtime.block_on(async move { reloading.reload().await }))
        });
        Ok(match outcome.ok_or_else(closed)? {
            Outcome::Loaded => "loaded",
            Outcome::Unchanged => "unchanged",
            Outcome::Refused => "refused",
        })
    }

    /// The state of reloading.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let running = self.running(py)?;
        let (status, generation) = py.detach(|| {
            let active = running.reloader.gateway().active();
            (running.reloader.status(), active.snapshot().generation())
        });
        let error = status.last_error.as_ref();
        let at = error.and_then(|error| error.at.duration_since(UNIX_EPOCH).ok());
        let said = PyDict::new(py);
        said.set_item("generation", generation)?;
        said.set_item("reloads", status.reloads)?;
        said.set_item("failures", status.failures)?;
        said.set_item("last_error", error.map(|error| error.message.as_str()))?;
        said.set_item("last_error_at", at.map(|at| at.as_secs_f64()))?;
        Ok(said)
    }

    /// Why the files were refused at last; `None` if they were not. The rules before stay active.
    #[getter]
    fn last_error(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let running = self.running(py)?;
        Ok(py.detach(|| running.reloader.status().last_error.map(|error| error.message)))
    }

    /// Ends the threads. Later decisions raise `RuntimeError`.
    fn close(&self, py: Python<'_>) {
        *self.lock(py) = State::Closed;
        let running = self.running.swap(None);
        py.detach(|| drop(running));
    }
}

impl Rules {
    /// The rules of this process. They are started if they are not, and again after a fork.
    fn running(&self, py: Python<'_>) -> PyResult<Arc<Running>> {
        if let Some(running) = self.here() {
            return Ok(running);
        }
        // Python does not fork while this thread keeps the interpreter, so no child inherits the lock in use.
        let mut state = self.lock(py);
        if let Some(running) = self.here() {
            return Ok(running);
        }
        let prepared = match std::mem::replace(&mut *state, State::Started) {
            State::Prepared(prepared) => *prepared,
            State::Started => self.files.prepare()?,
            State::Closed => {
                *state = State::Closed;
                return Err(closed());
            }
        };
        let running = Arc::new(prepared.start(self.files.watch)?);
        // Another thread of the parent may have been using them, so nothing of them is touched here.
        std::mem::forget(self.running.swap(Some(Arc::clone(&running))));
        Ok(running)
    }

    fn here(&self) -> Option<Arc<Running>> {
        self.running.load_full().filter(|running| running.is_here())
    }

    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, State> {
        self.state.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    fn begun(&self, py: Python<'_>, described: Described) -> PyResult<Begun> {
        if described.token.is_some() && described.claims.is_some() {
            return Err(PyTypeError::new_err("`token` and `claims` exclude each other"));
        }
        let running = match self.running(py) {
            Ok(running) => running,
            // Without rules, nothing is allowed.
            Err(error) if error.is_instance_of::<ConfigError>(py) => {
                tracing::error!(target: "modelgate", "no rules are active: {}", error.value(py));
                return Ok(Begun::Decided(Decision::unavailable()));
            }
            Err(error) => return Err(error),
        };
        Ok(py.detach(|| match described.request() {
            Ok(request) => begin(running, request),
            Err(reason) => Begun::Decided(Decision::malformed(reason)),
        }))
    }
}

#[pymethods]
impl Pending {
    /// Waits for the decision.
    fn wait(&self, py: Python<'_>) -> PyResult<Decision> {
        py.detach(|| {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            let waiting = waiting.ok_or_else(|| PyRuntimeError::new_err("the decision was taken already"))?;
            finish(&self.running, waiting)
        })
    }
}

#[expect(clippy::large_enum_variant, reason = "one of them is on the stack at a time")]
enum Begun {
    Decided(Decision),
    Waiting(Deciding, Arc<Running>),
}

/// Asks once. The decision on a known token is there at once.
fn begin(running: Arc<Running>, request: AuthzRequest) -> Begun {
    let authorizer = running.authorizer.clone();
    let mut deciding: Deciding = Box::pin(async move { Decision::new(authorizer.check(request).await) });
    let asked = {
        let _entered = running.runtime().map(Runtime::enter);
        deciding.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    };
    match asked {
        Poll::Ready(decision) => Begun::Decided(decision),
        Poll::Pending => Begun::Waiting(deciding, running),
    }
}

fn finish(running: &Running, waiting: Deciding) -> PyResult<Decision> {
    running.runtime().map(|runtime| runtime.block_on(waiting)).ok_or_else(closed)
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("the rules are closed")
}

/// The list of models in OpenAI's format.
const LIST: &str = "/v1/models";

#[derive(serde::Deserialize)]
struct Listing {
    data: Vec<Listed>,
}

#[derive(serde::Deserialize)]
struct Listed {
    id: String,
}
