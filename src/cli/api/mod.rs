//! The console and its API, which the admin listener serves.
//!
//! Input: requests of operators, whose credential the listener has checked. Output: JSON about the rules in force, and the files of
//! the console. Nothing here changes what is in force. `openapi.json` describes the API. `answer` reads requests and writes
//! answers, `jobs` limits what costs time. `access`, `explain`, `decisions`, `playground` and `recent` have the
//! routes of these names, with `sources` as the texts of the rules in force. `depth` refuses what would use up the stack. `console`
//! has the files.

mod access;
mod answer;
mod console;
mod decisions;
mod depth;
mod explain;
mod jobs;
mod playground;
mod recent;
mod sources;

use std::pin::Pin;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{OnceCell, Semaphore};

use crate::config::Mode;
use crate::gateway::Reloader;
use crate::gateway::admin::{ApiAnswer, ApiRequest, Need, OperatorApi, Served, answer_of, state};
use crate::gateway::telemetry::RecentDecisions;
use answer::{ApiError, json_answer};
use jobs::Jobs;
use recent::History;

/// The maximum size of a body with rules.
const RULES_BYTES: usize = 4 * 1024 * 1024;
/// The maximum size of a body with one request.
const REQUEST_BYTES: usize = 1024 * 1024;
/// The maximum number of streams of decisions.
const MOST_STREAMS: usize = 8;

const OPENAPI: &str = include_str!("openapi.json");

/// What answers the routes of the console.
pub(super) struct Api {
    reloader: Arc<Reloader>,
    decisions: Arc<RecentDecisions>,
    history: Arc<History>,
    jobs: Jobs,
    streams: Arc<Semaphore>,
    /// Asking takes a process, so it is known when somebody first wants to know.
    has_solver: OnceCell<bool>,
}

/// The routes of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    OpenApi,
    Snapshot,
    Access,
    Explain,
    Decisions,
    Sources,
    Check,
    Diff,
    Test,
    Recent,
}

impl Route {
    /// The table of routes, with the method of each.
    fn of(path: &str) -> Option<(Self, Method)> {
        Some(match path.strip_prefix("/api/v1/")? {
            "openapi.json" => (Self::OpenApi, Method::GET),
            "snapshot" => (Self::Snapshot, Method::GET),
            "access" => (Self::Access, Method::GET),
            "explain" => (Self::Explain, Method::POST),
            "decisions" => (Self::Decisions, Method::GET),
            "sources" => (Self::Sources, Method::GET),
            "check" => (Self::Check, Method::POST),
            "diff" => (Self::Diff, Method::POST),
            "test" => (Self::Test, Method::POST),
            "metrics/recent" => (Self::Recent, Method::GET),
            _ => return None,
        })
    }

    fn served(self) -> Served {
        let (need, max_body_bytes) = match self {
            Self::OpenApi | Self::Snapshot | Self::Access | Self::Decisions | Self::Recent => {
                (Need::Viewer, 0)
            }
            Self::Explain => (Need::Viewer, REQUEST_BYTES),
            Self::Sources => (Need::Operator, 0),
            Self::Check | Self::Diff | Self::Test => (Need::Operator, RULES_BYTES),
        };
        Served { need, max_body_bytes }
    }
}

impl Api {
    /// The API of a gateway. Starts to keep its newest decisions and rates, so it needs a runtime.
    pub(super) fn start(reloader: &Arc<Reloader>) -> Arc<Self> {
        let gateway = reloader.gateway();
        let decisions = {
            let active = gateway.active();
            gateway.observers().keep_recent(&active.snapshot().config().gateway)
        };
        let history = Arc::new(History::default());
        tokio::spawn(recent::follow(
            Arc::clone(gateway.observers()),
            Arc::clone(&decisions),
            Arc::clone(&history),
        ));
        Arc::new(Self {
            reloader: Arc::clone(reloader),
            decisions,
            history,
            jobs: Jobs::new(),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            has_solver: OnceCell::new(),
        })
    }

    async fn respond(&self, request: ApiRequest) -> Result<ApiAnswer, ApiError> {
        let Some((route, method)) = Route::of(request.head.uri.path()) else {
            return console::answer(&request.head);
        };
        if request.head.method != method {
            return Err(ApiError::Method(method));
        }
        match route {
            Route::OpenApi => Ok(answer_of(StatusCode::OK, "application/json", OPENAPI.to_owned())),
            Route::Snapshot => Ok(json_answer(&self.snapshot().await)),
            Route::Access => self.access(&request).await,
            Route::Explain => self.explain(&request).await,
            Route::Decisions => self.recent_decisions(request),
            Route::Sources => self.sources().await,
            Route::Check => self.check(&request).await,
            Route::Diff => self.diff(&request).await,
            Route::Test => self.test(&request).await,
            Route::Recent => Ok(json_answer(&self.history.to_json())),
        }
    }

    async fn snapshot(&self) -> Value {
        let asked = || async { tokio::task::spawn_blocking(has_solver).await.unwrap_or_default() };
        let has_solver = *self.has_solver.get_or_init(asked).await;
        let mode = match self.reloader.gateway().active().snapshot().config().gateway.mode {
            Mode::Enforce => "enforce",
            Mode::LogOnly => "log_only",
        };
        let mut found = state::snapshot(&self.reloader);
        let mut deployments = state::deployments(&self.reloader);
        let attempts = self.reloader.attempts();
        if let Some(fields) = found.as_object_mut() {
            fields.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
            fields.insert("mode".to_owned(), json!(mode));
            fields.insert("solver".to_owned(), json!(has_solver));
            fields.insert("keys".to_owned(), state::keys(&self.reloader));
            fields.insert(
                "deployments".to_owned(),
                deployments.get_mut("deployments").map(Value::take).unwrap_or_default(),
            );
            fields.insert("reloads_recent".to_owned(), attempts.iter().map(state::attempt).collect());
        }
        found
    }
}

impl OperatorApi for Api {
    fn route(&self, head: &Parts) -> Option<Served> {
        let path = head.uri.path();
        match Route::of(path) {
            Some((route, _)) => Some(route.served()),
            None => console::has(path).then_some(Served { need: Need::Nothing, max_body_bytes: 0 }),
        }
    }

    fn answer(&self, request: ApiRequest) -> Pin<Box<dyn Future<Output = ApiAnswer> + Send + '_>> {
        Box::pin(async move { self.respond(request).await.unwrap_or_else(ApiError::answer) })
    }
}

/// Whether there is a solver for proofs.
#[cfg(feature = "prove")]
fn has_solver() -> bool {
    crate::prove::Prover::new(crate::prove::Limits::default()).is_ok()
}

#[cfg(not(feature = "prove"))]
fn has_solver() -> bool {
    false
}
