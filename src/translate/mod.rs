//! From a [`Config`] to Cedar policies: pure, and the same bytes for the same configuration.
//!
//! Grants (R2) are `permit`s; everything that must hold whoever grants is a `forbid … unless`. Lists of models and of
//! routes are entities, not policy text, so that the number of policies does not grow with them.

mod gates;
mod grants;
mod lists;
mod pst;
mod token_roles;

use std::collections::BTreeMap;

use cedar_policy::pst::{
    ActionConstraint, Clause, Effect, Policy as PstPolicy, PrincipalConstraint, PstConstructionError,
    ResourceConstraint, StaticPolicy, Template,
};
use cedar_policy::{Policy, PolicySet};

use crate::config::Config;
use crate::engine::Rule;

pub(crate) use grants::MASTER_KEY_ROLE;
pub use lists::Lists;
pub(crate) use lists::TEAM_ROUTES;
pub(crate) use lists::TokenRoleLists;

/// The Cedar schema that every snapshot is validated against.
pub const SCHEMA: &str = include_str!("../../schema/modelgate.cedarschema");

/// The YAML path of LiteLLM's token settings.
pub(crate) const JWTAUTH: &str = "general_settings.litellm_jwtauth";

/// What a configuration means, in Cedar.
#[derive(Clone, Debug)]
pub struct PolicyBundle {
    /// The policies, in the order of the rules. Ids are YAML paths, or a YAML path and a rule where one key has several.
    pub policies: Vec<Policy>,
    /// Who and what is in which list.
    pub lists: Lists,
}

/// A configuration could not be written as Cedar policies.
#[derive(Debug, thiserror::Error)]
pub enum TranslateError {
    /// Cedar refused a policy.
    #[error("a policy could not be built: {0}")]
    Policy(#[from] PstConstructionError),
    /// Two policies have the same id.
    #[error("the policies do not form a set: {0}")]
    Set(String),
}

/// Translates a configuration.
///
/// # Errors
///
/// [`TranslateError`] if Cedar refuses a policy, which no configuration that was read should bring about.
pub fn translate(config: &Config) -> Result<PolicyBundle, TranslateError> {
    let mut writer = Writer { config, policies: Vec::new() };
    grants::write(&mut writer)?;
    gates::write(&mut writer)?;
    Ok(PolicyBundle { policies: writer.policies, lists: Lists::new(config) })
}

impl PolicyBundle {
    /// The policies as a Cedar policy set.
    ///
    /// # Errors
    ///
    /// [`TranslateError::Set`] if two of them have the same id.
    pub fn policy_set(&self) -> Result<PolicySet, TranslateError> {
        let policies = self.policies.iter().cloned();
        PolicySet::from_policies(policies).map_err(|error| TranslateError::Set(error.to_string()))
    }
}

struct Writer<'c> {
    config: &'c Config,
    policies: Vec<Policy>,
}

/// The parts of a policy that differ from one to the next.
struct Draft {
    /// Unique; begins with `key`.
    id: String,
    /// The YAML path of the key that the policy comes from.
    key: String,
    rule: Rule,
    effect: Effect,
    principal: PrincipalConstraint,
    action: ActionConstraint,
    resource: ResourceConstraint,
    clauses: Vec<Clause>,
}

impl Draft {
    fn permit(key: &str, rule: Rule) -> Self {
        Self::new(Effect::Permit, key, rule)
    }

    fn forbid(key: &str, rule: Rule) -> Self {
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

    /// For a key that several policies come from: the rule tells them apart.
    fn with_rule_in_id(self) -> Self {
        Self { id: format!("{}:{}", self.key, self.rule), ..self }
    }

    fn clause(mut self, clause: Clause) -> Self {
        self.clauses.push(clause);
        self
    }
}

impl Writer<'_> {
    fn add(&mut self, draft: Draft) -> Result<(), TranslateError> {
        let annotations = BTreeMap::from([
            ("id".to_owned(), draft.id.as_str().into()),
            ("rule".to_owned(), draft.rule.as_str().into()),
            ("source".to_owned(), self.source(&draft.key).into()),
        ]);
        let template =
            Template::new(draft.id.as_str(), draft.effect, draft.principal, draft.action, draft.resource)
                .try_with_clauses(draft.clauses)?
                .with_annotations(annotations);
        let policy = StaticPolicy::try_from(template).map_err(PstConstructionError::from)?;
        self.policies.push(Policy::from_pst(PstPolicy::Static(policy))?);
        Ok(())
    }

    /// `file:line` of a key, or of the closest key above it that the file contains.
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
