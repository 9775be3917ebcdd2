//! Cedar's answers: which policies hold.
//!
//! What does not read the context is answered once for all requests with the same key. The rest waits for a context.

use std::borrow::Cow;
use std::sync::Arc;

use cedar_policy::{Context, Entities, EntityUid, PolicySet, Request};

use super::context::Facts;
use super::facts::PolicyFacts;
use super::index::{Effects, Ends, Policies, PolicyIndex, PolicySets};
use super::reads::Names;
use super::store::PolicyStore;

/// The policies that hold.
pub(in crate::engine) type Matched = Vec<Arc<PolicyFacts>>;

/// What Cedar answered to one question. It is allowed when something permits and nothing forbids.
pub(in crate::engine) type Verdict = PolicySets<Matched>;

/// What a caller may do is asked so: may it call this route, may it use this model.
#[derive(Debug)]
pub(in crate::engine) struct Question {
    context_free: Verdict,
    context_dependent: Option<ContextDependent>,
}

/// The policies that read the context, of those whose scope matches.
#[derive(Debug)]
struct ContextDependent {
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
pub(in crate::engine) struct Questions {
    /// The caller has a role that something is granted to.
    pub(in crate::engine) is_matched: bool,
    /// The route comes first.
    pub(in crate::engine) all: Vec<Question>,
}

impl Verdict {
    pub(in crate::engine) fn allows(&self) -> bool {
        !self.live.permits.is_empty() && self.live.forbids.is_empty()
    }

    /// The policies under trial that would turn the verdict around.
    pub(in crate::engine) fn disagreeing(&self) -> &[Arc<PolicyFacts>] {
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
    pub(in crate::engine) fn new(
        store: &PolicyStore,
        policies: &Policies,
        principal: &EntityUid,
        resource: EntityUid,
        entities: &Arc<Entities>,
    ) -> Result<Self, String> {
        let ends = Ends::new(principal, &resource, entities);
        let request = request(principal, &policies.action, &resource, Context::empty())?;
        let mut context_free = Verdict::default();
        context_free
            .live
            .extend(store, &request, entities, &policies.context_free.live, |index| index.relevant(&ends))?;
        context_free.shadow.extend_or_skip(
            store,
            &request,
            entities,
            &policies.context_free.shadow,
            |index| index.relevant(&ends),
        );

        let matching = |policies: &Effects<PolicyIndex>| policies.try_map(|index| index.matching(&ends));
        let live = matching(&policies.context_dependent.live).map_err(|error| error.to_string())?;
        let live = ReadingContext::new(store, live)?;
        let shadow = matching(&policies.context_dependent.shadow).unwrap_or_default();
        let shadow = ReadingContext::new(store, shadow)?;
        if live.is_empty() && shadow.is_empty() {
            return Ok(Self { context_free, context_dependent: None });
        }
        let context_dependent = ContextDependent {
            live,
            shadow,
            principal: principal.clone(),
            is_of_route: policies.action == store.call_route.action,
            action: policies.action.clone(),
            resource,
            entities: Arc::clone(entities),
        };
        Ok(Self { context_free, context_dependent: Some(context_dependent) })
    }

    /// The answer in this context.
    pub(in crate::engine) fn verdict(
        &self,
        store: &PolicyStore,
        facts: &Facts<'_>,
    ) -> Result<Cow<'_, Verdict>, String> {
        let Some(context_dependent) = &self.context_dependent else {
            return Ok(Cow::Borrowed(&self.context_free));
        };
        let mut verdict = self.context_free.clone();
        let ContextDependent { live, shadow, entities, .. } = context_dependent;
        if !live.is_empty() {
            let request = context_dependent.request(live, facts)?;
            verdict.live.extend(store, &request, entities, &live.policies, unless_empty)?;
        }
        // A shadow policy whose context cannot be built holds as little as one that fails.
        if !shadow.is_empty()
            && let Ok(request) = context_dependent.request(shadow, facts)
        {
            verdict.shadow.extend_or_skip(store, &request, entities, &shadow.policies, unless_empty);
        }
        Ok(Cow::Owned(verdict))
    }
}

impl ContextDependent {
    fn request(&self, asked: &ReadingContext, facts: &Facts<'_>) -> Result<Request, String> {
        let context =
            if self.is_of_route { facts.of_route(&asked.reads) } else { facts.of_model(&asked.reads) }?;
        request(&self.principal, &self.action, &self.resource, context)
    }
}

impl ReadingContext {
    fn new(store: &PolicyStore, policies: Effects<PolicySet>) -> Result<Self, String> {
        let mut reads = Names::default();
        for policy in policies.iter().flat_map(PolicySet::policies) {
            reads.add_all(&store.facts_of(policy.id())?.context);
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

impl Effects<Matched> {
    /// Adds the policies that hold, out of those in some sets.
    ///
    /// Cedar skips a policy whose evaluation fails, a `forbid` too: that is an error here.
    fn extend<'p, P, I: Iterator<Item = &'p PolicySet>>(
        &mut self,
        store: &PolicyStore,
        request: &Request,
        entities: &Entities,
        policies: &'p Effects<P>,
        sets: impl Fn(&'p P) -> I,
    ) -> Result<(), String> {
        for (matched, policies) in
            [(&mut self.permits, &policies.permits), (&mut self.forbids, &policies.forbids)]
        {
            if let Some(error) = ask(store, request, entities, sets(policies), matched)? {
                return Err(error);
            }
        }
        Ok(())
    }

    /// The same for shadow policies: one whose evaluation fails does not hold, and changes nothing else.
    fn extend_or_skip<'p, P, I: Iterator<Item = &'p PolicySet>>(
        &mut self,
        store: &PolicyStore,
        request: &Request,
        entities: &Entities,
        policies: &'p Effects<P>,
        sets: impl Fn(&'p P) -> I,
    ) {
        // What fails is left out already, and every policy is known.
        let _ = ask(store, request, entities, sets(&policies.permits), &mut self.permits);
        let _ = ask(store, request, entities, sets(&policies.forbids), &mut self.forbids);
    }
}

/// Adds those policies of some sets that hold, and says what Cedar says of the first that fails.
fn ask<'p>(
    store: &PolicyStore,
    request: &Request,
    entities: &Entities,
    sets: impl Iterator<Item = &'p PolicySet>,
    matched: &mut Matched,
) -> Result<Option<String>, String> {
    let mut failure = None;
    for set in sets {
        let response = store.authorizer.is_authorized(request, set, entities);
        failure = failure.or_else(|| Some(response.diagnostics().errors().next()?.to_string()));
        for id in response.diagnostics().reason() {
            matched.push(Arc::clone(store.facts_of(id)?));
        }
    }
    Ok(failure)
}

impl Questions {
    /// The answers in this context, that on the route first.
    pub(in crate::engine) fn verdicts(
        &self,
        store: &PolicyStore,
        facts: &Facts<'_>,
    ) -> Result<Vec<Cow<'_, Verdict>>, String> {
        self.all.iter().map(|question| question.verdict(store, facts)).collect()
    }
    /// What the policies that read the context read of it; `None` where none does.
    pub(in crate::engine) fn reads(&self) -> Option<Names> {
        let mut context_dependent =
            self.all.iter().filter_map(|question| question.context_dependent.as_ref()).peekable();
        context_dependent.peek()?;
        let mut reads = Names::default();
        for ContextDependent { live, shadow, .. } in context_dependent {
            reads.add_all(&live.reads);
            reads.add_all(&shadow.reads);
        }
        Some(reads)
    }

    /// The answers as far as they do not depend on the context, that on the route first.
    pub(in crate::engine) fn context_free(&self) -> Vec<&Verdict> {
        self.all.iter().map(|question| &question.context_free).collect()
    }
}
