//! Cedar's answers: which policies hold.
//!
//! What does not read the context is answered once for all requests with the same key. The rest is open until there is a
//! context.

use std::borrow::Cow;
use std::sync::Arc;

use cedar_policy::{Context, Entities, EntityUid, PolicySet, Request};

use super::Snapshot;
use super::context::{Facts, Recurring};
use super::facts::PolicyFacts;
use super::index::{Ends, Policies, Standing};
use super::outcome::Outcome;
use super::reads::Names;
use crate::memo::Memo;

/// The policies that hold.
pub(super) type Holding = Vec<Arc<PolicyFacts>>;

/// What Cedar answered to one question. It is allowed when something permits and nothing forbids.
pub(super) type Verdict = Standing<Holding>;

/// What a caller may do is asked so: may it call this route, may it use this model.
#[derive(Debug)]
pub(super) struct Question {
    settled: Verdict,
    open: Option<Open>,
}

/// The policies that read the context, of those whose scope matches.
#[derive(Debug)]
struct Open {
    policies: Standing<PolicySet>,
    reads: Names,
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
    entities: Arc<Entities>,
    is_of_route: bool,
}

/// The questions of a request: its route, and each of its models.
#[derive(Debug)]
pub(super) struct Questions {
    /// The caller has a role that something is granted to.
    pub(super) is_matched: bool,
    /// The route comes first.
    pub(super) all: Vec<Question>,
}

/// What is kept of them.
#[derive(Debug)]
pub(super) enum Answer {
    Settled(Outcome),
    Open {
        questions: Questions,
        /// What their policies read of the context.
        reads: Names,
        /// What they came to before, in the same context.
        before: Memo<Recurring, Outcome>,
    },
}

/// Contexts in which an answer is kept.
const CONTEXTS: usize = 8;

impl Verdict {
    pub(super) fn allows(&self) -> bool {
        !self.live.permits.is_empty() && self.live.forbids.is_empty()
    }

    /// The policies under trial that would turn the verdict around.
    pub(super) fn disagreeing(&self) -> &[Arc<PolicyFacts>] {
        let (live, shadow) = (&self.live, &self.shadow);
        let granted = !live.permits.is_empty() || !shadow.permits.is_empty();
        let allowed = granted && live.forbids.is_empty() && shadow.forbids.is_empty();
        match (self.allows(), allowed) {
            (true, false) => &shadow.forbids,
            (false, true) => &shadow.permits,
            (true, true) | (false, false) => &[],
        }
    }
}

impl Question {
    /// Asks Cedar what does not depend on the context.
    pub(super) fn new(
        snapshot: &Snapshot,
        policies: &Policies,
        principal: &EntityUid,
        resource: EntityUid,
        entities: &Arc<Entities>,
    ) -> Result<Self, String> {
        let ends = Ends { principal, resource: &resource, entities };
        let request = request(principal, &policies.action, &resource, Context::empty())?;
        let mut settled = Verdict::default();
        settled.extend(snapshot, &request, entities, &policies.settled, |index| index.relevant(ends))?;

        let open = policies.open.try_map(|index| index.matching(ends)).map_err(|error| error.to_string())?;
        if open.iter().all(PolicySet::is_empty) {
            return Ok(Self { settled, open: None });
        }
        let mut reads = Names::default();
        for policy in open.iter().flat_map(PolicySet::policies) {
            reads.add_all(&snapshot.facts_of(policy.id())?.context);
        }
        let open = Open {
            policies: open,
            reads,
            principal: principal.clone(),
            is_of_route: policies.action == snapshot.call_route.action,
            action: policies.action.clone(),
            resource,
            entities: Arc::clone(entities),
        };
        Ok(Self { settled, open: Some(open) })
    }

    /// The answer in this context.
    pub(super) fn verdict(&self, snapshot: &Snapshot, facts: &Facts<'_>) -> Result<Cow<'_, Verdict>, String> {
        let Some(open) = &self.open else { return Ok(Cow::Borrowed(&self.settled)) };
        let context =
            if open.is_of_route { facts.of_route(&open.reads) } else { facts.of_model(&open.reads) }?;
        let request = request(&open.principal, &open.action, &open.resource, context)?;
        let mut verdict = self.settled.clone();
        let only = |set| std::iter::once(set).filter(|set: &&PolicySet| !set.is_empty());
        verdict.extend(snapshot, &request, &open.entities, &open.policies, only)?;
        Ok(Cow::Owned(verdict))
    }
}

fn request(
    principal: &EntityUid,
    action: &EntityUid,
    resource: &EntityUid,
    context: Context,
) -> Result<Request, String> {
    Request::new(principal.clone(), action.clone(), resource.clone(), context, None)
        .map_err(|error| error.to_string())
}

impl Verdict {
    /// Adds the policies that hold, out of those in some sets. A policy under trial whose evaluation fails does not hold.
    fn extend<'p, P, I: Iterator<Item = &'p PolicySet>>(
        &mut self,
        snapshot: &Snapshot,
        request: &Request,
        entities: &Entities,
        policies: &'p Standing<P>,
        sets: impl Fn(&'p P) -> I,
    ) -> Result<(), String> {
        let ask = |holding: &mut Holding, policies: &'p P| -> Result<Option<String>, String> {
            let mut failure = None;
            for set in sets(policies) {
                let response = snapshot.authorizer.is_authorized(request, set, entities);
                failure = failure.or_else(|| Some(response.diagnostics().errors().next()?.to_string()));
                for id in response.diagnostics().reason() {
                    holding.push(Arc::clone(snapshot.facts_of(id)?));
                }
            }
            Ok(failure)
        };
        for (holding, policies) in [
            (&mut self.live.permits, &policies.live.permits),
            (&mut self.live.forbids, &policies.live.forbids),
        ] {
            // Cedar skips a policy whose evaluation fails, a `forbid` too.
            if let Some(error) = ask(holding, policies)? {
                return Err(error);
            }
        }
        ask(&mut self.shadow.permits, &policies.shadow.permits)?;
        ask(&mut self.shadow.forbids, &policies.shadow.forbids)?;
        Ok(())
    }
}

impl Questions {
    /// The answers in this context, that on the route first.
    pub(super) fn verdicts(
        &self,
        snapshot: &Snapshot,
        facts: &Facts<'_>,
    ) -> Result<Vec<Cow<'_, Verdict>>, String> {
        self.all.iter().map(|question| question.verdict(snapshot, facts)).collect()
    }
}

impl Answer {
    pub(super) fn new(questions: Questions) -> Self {
        let mut open = questions.all.iter().filter_map(|question| question.open.as_ref()).peekable();
        if open.peek().is_some() {
            let mut reads = Names::default();
            open.for_each(|open| reads.add_all(&open.reads));
            return Self::Open { questions, reads, before: Memo::with_capacity(CONTEXTS) };
        }
        let verdicts: Vec<&Verdict> = questions.all.iter().map(|question| &question.settled).collect();
        Self::Settled(Outcome::new(questions.is_matched, &verdicts))
    }

    pub(super) fn outcome(&self, snapshot: &Snapshot, facts: &Facts<'_>) -> Result<Outcome, String> {
        let (questions, reads, before) = match self {
            Self::Settled(outcome) => return Ok(outcome.clone()),
            Self::Open { questions, reads, before } => (questions, reads, before),
        };
        let facts = facts.only(reads);
        let recurring = facts.recurring();
        let known = recurring.as_ref().and_then(|facts| {
            before.get(facts, |known| known == facts, |_, outcome: &Outcome| outcome.clone())
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let verdicts = questions.verdicts(snapshot, &facts)?;
        let verdicts: Vec<&Verdict> = verdicts.iter().map(AsRef::as_ref).collect();
        let outcome = Outcome::new(questions.is_matched, &verdicts);
        if let Some(facts) = recurring {
            before.insert(facts, outcome.clone());
        }
        Ok(outcome)
    }
}
