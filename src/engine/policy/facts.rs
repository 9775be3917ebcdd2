//! Facts about a policy other than its effect.

use std::sync::Arc;

use cedar_policy::Policy;

use super::reads::{Names, Reads};
use crate::dropins::{DropIn, annotation};
use crate::rules::Rule;
use crate::translate::TranslatedPolicy;

/// The id and annotations of a policy, read once for all requests.
#[derive(Debug)]
pub(in crate::engine) struct PolicyFacts {
    pub(in crate::engine) id: Arc<str>,
    pub(in crate::engine) rule: Rule,
    pub(in crate::engine) policy: Policy,
    /// The origin as `file:line`.
    pub(in crate::engine) source: Option<String>,
    /// `@reason`: the message for a caller that the policy denies.
    pub(in crate::engine) reason: Option<Arc<str>>,
    /// `@shadow`: the policy is evaluated and reported, but never enforced.
    pub(in crate::engine) shadow: bool,
    /// The context attributes that the policy reads.
    pub(in crate::engine) context: Names,
}

impl PolicyFacts {
    pub(in crate::engine) fn of_translated(translated: TranslatedPolicy, reads: Reads) -> Self {
        let TranslatedPolicy { policy, rule, source } = translated;
        Self {
            id: Arc::from(AsRef::<str>::as_ref(policy.id())),
            rule,
            source: Some(source),
            policy,
            reason: None,
            shadow: false,
            context: reads.context,
        }
    }

    pub(in crate::engine) fn of_dropped(dropin: &DropIn, reads: Reads) -> Self {
        let policy = &dropin.policy;
        Self {
            id: Arc::from(AsRef::<str>::as_ref(policy.id())),
            rule: Rule::Policy,
            source: Some(dropin.source()),
            policy: policy.clone(),
            reason: annotation(policy, "reason").filter(|reason| !reason.is_empty()).map(Arc::from),
            shadow: annotation(policy, "shadow").is_some(),
            context: reads.context,
        }
    }
}

/// A policy of a snapshot, and its origin.
#[derive(Clone, Copy, Debug)]
pub struct PolicyView<'s>(pub(in crate::engine) &'s PolicyFacts);

impl<'s> PolicyView<'s> {
    /// The policy's id, unique in the snapshot.
    #[must_use]
    pub fn id(&self) -> &'s str {
        &self.0.id
    }

    /// The rule that the policy implements.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.0.rule
    }

    /// The origin of the policy as `file:line`.
    #[must_use]
    pub fn source(&self) -> Option<&'s str> {
        self.0.source.as_deref()
    }

    /// Whether the policy comes from a drop-in file. Other policies are translated from the configuration.
    #[must_use]
    pub fn is_dropped_in(&self) -> bool {
        self.0.rule == Rule::Policy
    }

    /// Whether the policy is a shadow policy, which is evaluated but not enforced.
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.0.shadow
    }

    /// The policy itself.
    #[must_use]
    pub fn policy(&self) -> &'s Policy {
        &self.0.policy
    }
}
