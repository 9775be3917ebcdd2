//! Questions to the solver, their limits and their answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cedar_policy::{Policy, RequestEnv, Schema};
use sha2::{Digest as _, Sha256};

use crate::prove::formula::{Digest, Formula, all, policy};

/// The limits of each question, and of all.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The time that the solver may take for one question, and the search for a request before it.
    pub time: Duration,
    /// The memory of one solver process, in mebibytes.
    pub memory: u64,
    /// The seed of the solver.
    pub seed: u64,
    /// The time when all questions must have their answers. Those that have none by then are undecided, and no other work begins.
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
    /// What is true of every request. Queries with the same schema have the same.
    pub(in crate::prove) given: Arc<[Formula]>,
    pub(in crate::prove) schema: Arc<Schema>,
    /// What stands for the schema and what is given.
    pub(in crate::prove) basis: Digest,
    pub(in crate::prove) environment: RequestEnv,
}

/// What a query is about.
#[derive(Clone, Debug)]
pub(in crate::prove) enum About {
    Policy(Box<Policy>),
    Formula(Formula),
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::prove) enum Answer {
    Never,
    Possible,
    Unknown(String),
}

/// What stands for a schema, as text, and for what is given.
pub(in crate::prove) fn basis(schema: &str, given: &[Formula]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(schema.len().to_le_bytes());
    hash.update(schema);
    given.iter().for_each(|formula| formula.identify(&mut hash));
    hash.finalize().into()
}

impl Query {
    /// What stands for everything that the answer depends on.
    pub(super) fn key(&self) -> Digest {
        // The basis stands for the others.
        let Self { never, about, given: _, schema: _, basis, environment } = self;
        let mut hash = Sha256::new();
        hash.update(basis);
        hash.update(format!("{never:?} {environment:?}\n"));
        match about {
            About::Policy(policy) => hash.update(policy.to_string()),
            About::Formula(formula) => formula.identify(&mut hash),
        }
        hash.finalize().into()
    }

    /// The query as one policy.
    pub(super) fn policy(&self) -> Result<Policy, String> {
        match &self.about {
            About::Policy(policy) => Ok(Policy::clone(policy)),
            About::Formula(formula) => {
                let parts: Vec<Formula> = self.given.iter().chain([formula]).cloned().collect();
                policy(&all(&parts).json())
            }
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
    pub(in crate::prove) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// The time when a search that begins now ends.
    pub(in crate::prove) fn search_ends(&self) -> Option<Instant> {
        let own = Instant::now().checked_add(self.time);
        own.into_iter().chain(self.deadline).min()
    }

    /// Why there is no answer.
    pub(in crate::prove) fn exceeded(&self) -> String {
        if self.is_over() {
            let each = self.time.as_millis();
            return format!("the time for all questions was over (each may be answered within {each} ms)");
        }
        format!("the solver found no answer within {} ms and {} MiB", self.time.as_millis(), self.memory)
    }
}
