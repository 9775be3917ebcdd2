//! Cached answers of Cedar, shared by requests with the same key.

use crate::cache::Cache;
use crate::engine::policy::context::{Facts, Recurring};
use crate::engine::policy::outcome::Outcome;
use crate::engine::policy::questions::{Questions, Verdict};
use crate::engine::policy::reads::Names;
use crate::engine::policy::store::PolicyStore;

/// The cached part of a request's questions.
#[derive(Debug)]
pub(in crate::engine) enum Answer {
    ContextFree(Outcome),
    ContextDependent {
        questions: Questions,
        /// The context attributes that the policies read.
        reads: Names,
        /// Outcomes in recent contexts.
        before: Cache<Recurring, Outcome>,
    },
}

/// The number of contexts for which an answer keeps its outcome.
const CONTEXTS: usize = 8;

impl Answer {
    pub(in crate::engine) fn new(questions: Questions) -> Self {
        match questions.reads() {
            Some(reads) => {
                Self::ContextDependent { questions, reads, before: Cache::with_capacity(CONTEXTS) }
            }
            None => Self::ContextFree(Outcome::new(questions.is_matched, &questions.context_free())),
        }
    }

    pub(in crate::engine) fn outcome(
        &self,
        store: &PolicyStore,
        facts: &Facts<'_>,
    ) -> Result<Outcome, String> {
        let (questions, reads, before) = match self {
            Self::ContextFree(outcome) => return Ok(outcome.clone()),
            Self::ContextDependent { questions, reads, before } => (questions, reads, before),
        };
        let facts = facts.only(reads);
        let recurring = facts.recurring();
        let known = recurring.as_ref().and_then(|facts| {
            before.get(facts, |known| known == facts, |_, outcome: &Outcome| outcome.clone())
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let verdicts = questions.verdicts(store, &facts)?;
        let verdicts: Vec<&Verdict> = verdicts.iter().map(AsRef::as_ref).collect();
        let outcome = Outcome::new(questions.is_matched, &verdicts);
        if let Some(facts) = recurring {
            before.insert(facts, outcome.clone());
        }
        Ok(outcome)
    }
}
