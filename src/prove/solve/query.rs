//! Questions to the solver, their limits and their answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cedar_policy::{Policy, RequestEnv, Schema};
use cedar_policy_symcc::Env;

use crate::prove::formula::{Formula, digest};

/// The limits of each question.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The time that one question may take.
    pub time: Duration,
    /// The memory of one solver process, in mebibytes.
    pub memory: u64,
    /// The seed of the solver.
    pub seed: u64,
    /// The time when all questions must have their answers. Those that have none by then are undecided.
    pub deadline: Option<Instant>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), memory: 2048, seed: 1, deadline: None }
    }
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::prove) enum Never {
    /// The policy matches nothing.
    Matches,
    /// Its evaluation never fails.
    Fails,
}

/// What may never be.
#[derive(Clone, Debug)]
pub(in crate::prove) struct Query {
    pub(in crate::prove) never: Never,
    pub(in crate::prove) about: About,
    /// Whether the request is wanted, and not only that there is one.
    pub(in crate::prove) needs_request: bool,
    pub(in crate::prove) schema: Arc<Schema>,
    /// The schema as text.
    pub(in crate::prove) schema_text: Arc<str>,
    pub(in crate::prove) environment: RequestEnv,
}

/// What a query is about.
#[derive(Clone, Debug)]
pub(in crate::prove) enum About {
    Policy(Box<Policy>),
    Formula(Formula),
}

/// The answer to a question.
#[derive(Clone, Debug)]
pub(in crate::prove) enum Answer {
    Never,
    /// With a request, if it was needed.
    Possible(Option<Arc<Env>>),
    Unknown(String),
}

impl Query {
    /// What stands for the question while the process runs: everything that the answer depends on.
    pub(super) fn key(&self) -> [u64; 2] {
        digest(&format!("{:?}\n{:?}\n{}\n{:?}", self.never, self.about, self.schema_text, self.environment))
    }

    /// The formula of a query whose truth is in question.
    pub(super) fn formula(&self) -> Option<&Formula> {
        match &self.about {
            About::Formula(formula) if self.never == Never::Matches => Some(formula),
            _ => None,
        }
    }
}

impl Limits {
    /// The usual limits for questions that must all be answered within this time from now.
    #[must_use]
    pub fn within(budget: Duration) -> Self {
        Self { time: budget, deadline: Instant::now().checked_add(budget), ..Self::default() }
    }

    /// How long to wait for an answer: until the deadline, or a little longer than the solver may take.
    pub(super) fn patience(&self, grace: Duration) -> Duration {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(self.time + grace, |left| left.min(self.time + grace))
    }

    /// Whether the deadline is over.
    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    pub(super) fn exceeded(&self) -> String {
        format!("the solver found no answer within {} ms and {} MiB", self.time.as_millis(), self.memory)
    }
}
