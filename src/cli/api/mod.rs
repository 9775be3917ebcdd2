//! The console and its API, which the admin listener serves.
//!
//! Input: requests of operators, whose credential the listener has checked. Output: JSON about the rules in force, and the files of
//! the console. Nothing here changes what is in force. `openapi.json` describes the API. `answer` reads requests and writes
//! answers, `jobs` limits what costs time. `access`, `explain`, `decisions` (with `stream`), `playground` and `recent` have the
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
mod stream;

use std::pin::Pin;
use std::sync::Arc;

use http::Method;
use http::header::ACCEPT;
use http::request::Parts;
use serde_json::{Value, json};

use crate::config::Mode;
use crate::gateway::Reloader;
use crate::gateway::admin::{ApiAnswer, ApiRequest, Need, OperatorApi, Served, state};
use crate::gateway::telemetry::RecentDecisions;
use answer::{ApiError, Query, json_answer};
use decisions::{Filter, decision};
use jobs::Jobs;
use recent::History;

/// The maximum size of a body with rules.
const RULES_BYTES: usize = 4 * 1024 * 1024;
/// The maximum size of a body with one request.
const REQUEST_BYTES: usize = 1024 * 1024;

const OPENAPI: &str = include_str!("openapi.json");

/// What answers the routes of the console.
pub(super) struct Api {
    reloader: Arc<Reloader>,
    decisions: Arc<RecentDecisions>,
    history: Arc<History>,
    jobs: Jobs,
    streams: Arc<tokio::sync::Semaphore>,
    has_solver: bool,
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
            streams: Arc::new(tokio::sync::Semaphore::new(stream::MOST)),
            has_solver: has_solver(),
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
            Route::OpenApi => Ok(answer::text_answer("application/json", OPENAPI.to_owned())),
            Route::Snapshot => Ok(json_answer(&self.snapshot())),
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

    /// The newest decisions, as a page or as a stream.
    fn recent_decisions(&self, request: ApiRequest) -> Result<ApiAnswer, ApiError> {
        let known = ["limit", "before", "verdict", "rule", "role", "team", "model"];
        let query = Query::of(&request.head, &known)?;
        let filter = Filter::of(&query)?;
        let limit = query.number("limit", 1..=1000, 100)?;
        let before = query.number("before", 0..=9_999_999_999_999_999_999, usize::MAX)?;
        if wants_stream(&request.head) {
            let place = Arc::clone(&self.streams).try_acquire_owned();
            let place = place.map_err(|_| ApiError::Unavailable("too many streams: close one"))?;
            let decisions = Arc::clone(&self.decisions);
            let reloader = Arc::clone(&self.reloader);
            return Ok(stream::answer(stream::Stream {
                _place: place,
                decisions,
                reloader,
                filter,
                stopping: request.stopping,
            }));
        }
        let before = u64::try_from(before).unwrap_or(u64::MAX);
        let mut found = self.decisions.before(before);
        found.retain(|recorded| filter.shows(&recorded.line));
        let next = found.get(limit - 1).filter(|_| found.len() > limit).map(|last| last.number.to_string());
        let shown: Vec<Value> = found.iter().take(limit).map(|recorded| decision(recorded)).collect();
        Ok(json_answer(&json!({"decisions": shown, "next": next})))
    }

    fn snapshot(&self) -> Value {
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
            fields.insert("solver".to_owned(), json!(self.has_solver));
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

fn wants_stream(head: &Parts) -> bool {
    let accepted = head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(','));
    kinds.any(|kind| {
        kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
    })
}
