//! Writes policies as data, each with its id, its rule and its position in the configuration.

use std::collections::BTreeMap;

use cedar_policy::pst::{
    ActionConstraint, Clause, Effect, Policy as PstPolicy, PrincipalConstraint, PstConstructionError,
    ResourceConstraint, StaticPolicy, Template,
};
use cedar_policy::{Policy, PolicyId};

use crate::config::Config;
use crate::rules::Rule;

/// The YAML path of LiteLLM's token settings.
pub(crate) const JWTAUTH: &str = "general_settings.litellm_jwtauth";

/// A configuration that cannot be expressed as Cedar policies.
#[derive(Debug, thiserror::Error)]
pub enum TranslateError {
    /// Cedar refused a policy.
    #[error("a policy could not be built: {0}")]
    Policy(#[from] PstConstructionError),
    /// Cedar cannot write a policy as text.
    #[error("the policy `{0}` has no text")]
    Text(String),
    /// Two policies have the same id.
    #[error("the policies do not form a set: {0}")]
    Set(String),
}

/// A policy that implements a key of the configuration.
///
/// The policy itself has no annotations: Cedar runs its parser for the name of each annotation, which takes as long as
/// everything else that makes a policy. [`to_cedar`](Self::to_cedar) adds them.
#[derive(Clone, Debug)]
pub struct TranslatedPolicy {
    pub(crate) policy: Policy,
    pub(crate) rule: Rule,
    pub(crate) source: String,
}

impl TranslatedPolicy {
    fn new(template: Template, rule: Rule, source: String) -> Result<Self, TranslateError> {
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

/// Collects the policies of a configuration.
pub(super) struct Writer<'c> {
    pub(super) config: &'c Config,
    pub(super) policies: Vec<TranslatedPolicy>,
}

/// The variable parts of a policy.
pub(super) struct Draft {
    /// The unique policy id, which starts with `key`.
    pub(super) id: String,
    /// The YAML path of the key that the policy implements.
    pub(super) key: String,
    pub(super) rule: Rule,
    pub(super) effect: Effect,
    pub(super) principal: PrincipalConstraint,
    pub(super) action: ActionConstraint,
    pub(super) resource: ResourceConstraint,
    pub(super) clauses: Vec<Clause>,
}

impl Draft {
    pub(super) fn permit(key: &str, rule: Rule) -> Self {
        Self::new(Effect::Permit, key, rule)
    }

    pub(super) fn forbid(key: &str, rule: Rule) -> Self {
        Self::new(Effect::Forbid, key, rule)
    }

    fn new(effect: Effect, key: &str, rule: Rule) -> Self {
        Self {
            id: key.to_owned(),
            key: key.to_owned(),
            rule,
            effect,
            principal: PrincipalConstraint::Any,
            action: ActionConstraint::Any,
            resource: ResourceConstraint::Any,
            clauses: Vec::new(),
        }
    }

    /// Appends the rule to the id, for a key with several policies.
    pub(super) fn with_rule_in_id(self) -> Self {
        Self { id: format!("{}:{}", self.key, self.rule), ..self }
    }

    pub(super) fn clause(mut self, clause: Clause) -> Self {
        self.clauses.push(clause);
        self
    }
}

impl<'c> Writer<'c> {
    pub(super) fn new(config: &'c Config) -> Self {
        Self { config, policies: Vec::new() }
    }

    pub(super) fn add(&mut self, draft: Draft) -> Result<(), TranslateError> {
        let source = self.source(&draft.key);
        let template =
            Template::new(draft.id.as_str(), draft.effect, draft.principal, draft.action, draft.resource)
                .try_with_clauses(draft.clauses)?;
        self.policies.push(TranslatedPolicy::new(template, draft.rule, source)?);
        Ok(())
    }

    /// `file:line` of a key, or of its closest ancestor that the file contains.
    fn source(&self, key: &str) -> String {
        let file = &self.config.file;
        let mut path = key;
        loop {
            if let Some(line) = self.config.lines.get(path) {
                return format!("{file}:{line}");
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => return file.clone(),
            }
        }
    }
}
