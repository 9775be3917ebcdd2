//! A translated policy, with its rule and its position in the configuration.

use std::collections::BTreeMap;

use cedar_policy::pst::{Policy as PstPolicy, PstConstructionError, StaticPolicy, Template};
use cedar_policy::{Policy, PolicyId};

use super::writer::TranslateError;
use crate::rules::Rule;

/// A policy that implements a key of the configuration.
///
/// The policy itself has no annotations: Cedar runs its parser for the name of each annotation, which takes as long as
/// everything else that makes a policy. [`to_cedar`](Self::to_cedar) adds them.
#[derive(Clone, Debug)]
pub struct TranslatedPolicy {
    policy: Policy,
    rule: Rule,
    source: String,
}

impl TranslatedPolicy {
    pub(super) fn new(template: Template, rule: Rule, source: String) -> Result<Self, TranslateError> {
        Ok(Self { policy: build(template)?, rule, source })
    }

    /// The unique id: the YAML path of the key. If a key has several policies, the rule follows the path.
    #[must_use]
    pub fn id(&self) -> &PolicyId {
        self.policy.id()
    }

    /// The policy without annotations.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The rule that the policy implements.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// The position of the key in the configuration as `file:line`.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The policy as Cedar text, with its id, its rule and its source as annotations.
    ///
    /// # Errors
    ///
    /// [`TranslateError::Policy`] if Cedar cannot write the policy. It can write every policy of a translation.
    pub fn to_cedar(&self) -> Result<String, TranslateError> {
        let annotations = BTreeMap::from([
            ("id".to_owned(), AsRef::<str>::as_ref(self.id()).into()),
            ("rule".to_owned(), self.rule.as_str().into()),
            ("source".to_owned(), self.source.as_str().into()),
        ]);
        let body = self.policy.to_pst()?.body().clone();
        let annotated = build(body.with_annotations(annotations))?;
        annotated.to_cedar().ok_or_else(|| TranslateError::Text(self.id().to_string()))
    }
}

fn build(template: Template) -> Result<Policy, TranslateError> {
    let policy = StaticPolicy::try_from(template).map_err(PstConstructionError::from)?;
    Ok(Policy::from_pst(PstPolicy::Static(policy))?)
}
