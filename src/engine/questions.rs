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
use super::index::{Effects, Ends, Policies, PolicyIndex, Standing};
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
    live: ReadingContext,
    shadow: ReadingContext,
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
    entities: Arc<Entities>,
    is_of_route: bool,
}

/// Policies, and what they read of the context: those in force are not asked with what the others read.
#[derive(Debug)]
struct ReadingContext {
    policies: Effects<PolicySet>,
    reads: Names,
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
        let ends = Ends::new(principal, &resource, entities);
        let request = request(principal, &policies.action, &resource, Context::empty())?;
        let mut settled = Verdict::default();
        settled
            .live
            .extend(snapshot, &request, entities, &policies.settled.live, |index| index.relevant(&ends))?;
        settled.shadow.extend_or_skip(snapshot, &request, entities, &policies.settled.shadow, |index| {
            index.relevant(&ends)
        });

        let matching = |open: &Effects<PolicyIndex>| open.try_map(|index| index.matching(&ends));
        let live = matching(&policies.open.live).map_err(|error| error.to_string())?;
        let live = ReadingContext::new(snapshot, live)?;
        let shadow = matching(&policies.open.shadow).unwrap_or_default();
        let shadow = ReadingContext::new(snapshot, shadow)?;
        if live.is_empty() && shadow.is_empty() {
            return Ok(Self { settled, open: None });
        }
        let open = Open {
            live,
            shadow,
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
        let mut verdict = self.settled.clone();
        let Open { live, shadow, entities, .. } = open;
        if !live.is_empty() {
            let request = open.request(live, facts)?;
            verdict.live.extend(snapshot, &request, entities, &live.policies, unless_empty)?;
        }
        // A shadow policy whose context cannot be built holds as little as one that fails.
        if !shadow.is_empty()
            && let Ok(request) = open.request(shadow, facts)
        {
            verdict.shadow.extend_or_skip(snapshot, &request, entities, &shadow.policies, unless_empty);
        }
        Ok(Cow::Owned(verdict))
    }
}

impl Open {
    fn request(&self, asked: &ReadingContext, facts: &Facts<'_>) -> Result<Request, String> {
        let context =
            if self.is_of_route { facts.of_route(&asked.reads) } else { facts.of_model(&asked.reads) }?;
        request(&self.principal, &self.action, &self.resource, context)
    }
}

impl ReadingContext {
    fn new(snapshot: &Snapshot, policies: Effects<PolicySet>) -> Result<Self, String> {
        let mut reads = Names::default();
        for policy in policies.iter().flat_map(PolicySet::policies) {
            reads.add_all(&snapshot.facts_of(policy.id())?.context);
        }
        Ok(Self { policies, reads })
    }

    fn is_empty(&self) -> bool {
        self.policies.iter().all(PolicySet::is_empty)
    }
}

fn unless_empty(set: &PolicySet) -> impl Iterator<Item = &PolicySet> {
    std::iter::once(set).filter(|set| !set.is_empty())
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

impl Effects<Holding> {
    /// Adds the policies that hold, out of those in some sets.
    ///
    /// Cedar skips a policy whose evaluation fails, a `forbid` too: that is an error here.
    fn extend<'p, P, I: Iterator<Item = &'p PolicySet>>(
        &mut self,
        snapshot: &Snapshot,
        request: &Request,
        entities: &Entities,
        policies: &'p Effects<P>,
        sets: impl Fn(&'p P) -> I,
    ) -> Result<(), String> {
        for (holding, policies) in
            [(&mut self.permits, &policies.permits), (&mut self.forbids, &policies.forbids)]
        {
            if let Some(error) = ask(snapshot, request, entities, sets(policies), holding)? {
                return Err(error);
            }
        }
        Ok(())
    }

    /// The same for shadow policies: one whose evaluation fails does not hold, and changes nothing else.
    fn extend_or_skip<'p, P, I: Iterator<Item = &'p PolicySet>>(
        &mut self,
        snapshot: &Snapshot,
        request: &Request,
        entities: &Entities,
        policies: &'p Effects<P>,
        sets: impl Fn(&'p P) -> I,
    ) {
        // What fails is left out already, and every policy is known.
        let _ = ask(snapshot, request, entities, sets(&policies.permits), &mut self.permits);
        let _ = ask(snapshot, request, entities, sets(&policies.forbids), &mut self.forbids);
    }
}

/// Adds those policies of some sets that hold, and says what Cedar says of the first that fails.
fn ask<'p>(
    snapshot: &Snapshot,
    request: &Request,
    entities: &Entities,
    sets: impl Iterator<Item = &'p PolicySet>,
    holding: &mut Holding,
) -> Result<Option<String>, String> {
    let mut failure = None;
    for set in sets {
        let response = snapshot.authorizer.is_authorized(request, set, entities);
        failure = failure.or_else(|| Some(response.diagnostics().errors().next()?.to_string()));
        for id in response.diagnostics().reason() {
            holding.push(Arc::clone(snapshot.facts_of(id)?));
        }
    }
    Ok(failure)
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
            for Open { live, shadow, .. } in open {
                reads.add_all(&live.reads);
                reads.add_all(&shadow.reads);
            }
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
