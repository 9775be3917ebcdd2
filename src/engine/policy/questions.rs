//! Asks Cedar which policies hold.
//!
//! Policies that do not read the context are evaluated once for all requests with the same key. The others are
//! evaluated for each context.

use std::borrow::Cow;
use std::sync::Arc;

use cedar_policy::{Context, Entities, EntityUid, PolicySet, PolicySetError, Request};

use super::context::Facts;
use super::facts::PolicyFacts;
use super::index::{Effects, Policies, PolicyIndex, PolicySets, QuestionEntities};
use super::reads::Names;
use super::store::PolicyStore;

/// The policies that hold.
pub(in crate::engine) type Matched = Vec<Arc<PolicyFacts>>;

/// Cedar's answer to one question. It allows if a `permit` holds and no `forbid` does.
pub(in crate::engine) type Verdict = PolicySets<Matched>;

/// One question about a caller: whether it may call this route, or whether it may use this model.
#[derive(Debug)]
pub(in crate::engine) struct Question {
    context_free: Verdict,
    context_dependent: Option<ContextDependent>,
}

/// The policies that read the context and whose scope matches.
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

/// Policies, and the context attributes that they read. Active policies do not see the attributes that only shadow
/// policies read.
#[derive(Debug)]
struct ReadingContext {
    policies: Effects<PolicySet>,
    reads: Names,
}

/// The questions of a request: one for its route, and one for each of its models.
#[derive(Debug)]
pub(in crate::engine) struct Questions {
    /// Whether the caller has a role that carries grants.
    pub(in crate::engine) is_matched: bool,
    /// The questions. The one about the route comes first.
    pub(in crate::engine) all: Vec<Question>,
}

impl Verdict {
    pub(in crate::engine) fn allows(&self) -> bool {
        !self.live.permits.is_empty() && self.live.forbids.is_empty()
    }

    /// The shadow policies that would reverse the verdict.
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
    /// Evaluates the policies that do not depend on the context.
    pub(in crate::engine) fn new(
        store: &PolicyStore,
        policies: &Policies,
        principal: &EntityUid,
        resource: EntityUid,
        entities: &Arc<Entities>,
    ) -> Result<Self, String> {
        let question_entities = QuestionEntities::new(principal, &resource, entities);
        let request = request(principal, &policies.action, &resource, Context::empty())?;
        let mut context_free = Verdict::default();
        context_free.live.extend(store, &request, entities, &policies.context_free.live, |index| {
            index.relevant(&question_entities)
        })?;
        context_free.shadow.extend_or_skip(
            store,
            &request,
            entities,
            &policies.context_free.shadow,
            |index| index.relevant(&question_entities),
        );

        let matching =
            |policies: &Effects<PolicyIndex>| policies.try_map(|index| index.matching(&question_entities));
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

    /// The verdict of all policies on a request whose context is known as a whole.
    pub(in crate::engine) fn whole(
        store: &PolicyStore,
        policies: &Policies,
        request: &Request,
        question_entities: &QuestionEntities<'_>,
        entities: &Entities,
    ) -> Result<Verdict, String> {
        let mut verdict = Verdict::default();
        for sets in [&policies.context_free, &policies.context_dependent] {
            verdict
                .live
                .extend(store, request, entities, &sets.live, |index| index.relevant(question_entities))?;
            verdict.shadow.extend_or_skip(store, request, entities, &sets.shadow, |index| {
                index.relevant(question_entities)
            });
        }
        Ok(verdict)
    }

    /// The verdict in this context.
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
        // If the context of a shadow policy cannot be built, the policy does not hold, as if its evaluation failed.
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

fn unless_empty(set: &PolicySet) -> impl Iterator<Item = Result<&PolicySet, Box<PolicySetError>>> {
    std::iter::once(set).filter(|set| !set.is_empty()).map(Ok)
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
    /// Adds the policies that hold from some sets.
    ///
    /// Cedar skips a policy whose evaluation fails, even a `forbid`. Here that is an error.
    fn extend<'p, P, I: Iterator<Item = Result<&'p PolicySet, Box<PolicySetError>>>>(
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

    /// Adds the shadow policies that hold. A policy whose evaluation fails does not hold, and affects nothing else.
    fn extend_or_skip<'p, P, I: Iterator<Item = Result<&'p PolicySet, Box<PolicySetError>>>>(
        &mut self,
        store: &PolicyStore,
        request: &Request,
        entities: &Entities,
        policies: &'p Effects<P>,
        sets: impl Fn(&'p P) -> I,
    ) {
        // Failed policies are skipped already, and every policy is known.
        let _ = ask(store, request, entities, sets(&policies.permits), &mut self.permits);
        let _ = ask(store, request, entities, sets(&policies.forbids), &mut self.forbids);
    }
}

/// Adds the policies that hold from some sets. Returns Cedar's message about the first that fails.
fn ask<'p>(
    store: &PolicyStore,
    request: &Request,
    entities: &Entities,
    sets: impl Iterator<Item = Result<&'p PolicySet, Box<PolicySetError>>>,
    matched: &mut Matched,
) -> Result<Option<String>, String> {
    let mut failure = None;
    for set in sets {
        let set = set.map_err(|error| error.to_string())?;
        let response = store.authorizer.is_authorized(request, set, entities);
        failure = failure.or_else(|| Some(response.diagnostics().errors().next()?.to_string()));
        for id in response.diagnostics().reason() {
            matched.push(Arc::clone(store.facts_of(id)?));
        }
    }
    Ok(failure)
}

impl Questions {
    /// The verdicts in this context. The one on the route comes first.
    pub(in crate::engine) fn verdicts(
        &self,
        store: &PolicyStore,
        facts: &Facts<'_>,
    ) -> Result<Vec<Cow<'_, Verdict>>, String> {
        self.all.iter().map(|question| question.verdict(store, facts)).collect()
    }
    /// The context attributes that the policies read, or `None` if no policy reads the context.
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

    /// The verdicts of the policies that do not read the context. The one on the route comes first.
    pub(in crate::engine) fn context_free(&self) -> Vec<&Verdict> {
        self.all.iter().map(|question| &question.context_free).collect()
    }
}
