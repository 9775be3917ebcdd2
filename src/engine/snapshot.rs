//! Everything that a decision needs, checked as a whole and then never changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cedar_policy::{Authorizer, Effect, EntityUid, Policy, PolicyId, Schema, ValidationMode, Validator};

use super::entities::Names;
use super::facts::PolicyFacts;
use super::index::PolicyIndex;
use super::team::TeamDirectory;
use crate::authn::VerifiedClaims;
use crate::config::Config;
use crate::identity::Caller;
use crate::translate::{self, Lists, TranslateError};

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// A configuration with its policies, ready to decide.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    config: Config,
    pub(super) authorizer: Authorizer,
    pub(super) call_route: Policies,
    pub(super) use_model: Policies,
    pub(super) facts: HashMap<PolicyId, Arc<PolicyFacts>>,
    /// The same in the order of the rules.
    pub(super) facts_in_order: Vec<Arc<PolicyFacts>>,
    pub(super) lists: Lists,
    pub(super) teams: TeamDirectory,
    pub(super) names: Names,
}

/// The policies that can apply to one action.
///
/// The `permit`s are apart from the `forbid`s: together Cedar would not say whether a request that is forbidden was
/// granted at all, and that is the first thing an operator asks.
#[derive(Debug)]
pub(super) struct Policies {
    pub(super) action: EntityUid,
    pub(super) permits: PolicyIndex,
    pub(super) forbids: PolicyIndex,
}

impl Policies {
    fn new(policies: &[Policy], action: EntityUid) -> Result<Self, SnapshotError> {
        let of = |effect| {
            let policies = policies.iter().filter(|policy| policy.effect() == effect);
            PolicyIndex::new(policies, &action).map_err(|error| SnapshotError::Invalid(error.to_string()))
        };
        Ok(Self { permits: of(Effect::Permit)?, forbids: of(Effect::Forbid)?, action })
    }
}

/// A configuration that cannot be put in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The configuration could not be translated.
    #[error(transparent)]
    Translate(#[from] TranslateError),
    /// The schema cannot be read.
    #[error("the schema cannot be read: {0}")]
    Schema(String),
    /// A policy does not validate against the schema.
    #[error("the policies do not validate: {0}")]
    Invalid(String),
}

impl Snapshot {
    /// Translates a configuration and validates the policies strictly against the schema.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] says what does not fit; nothing is in force then.
    pub fn build(config: Config) -> Result<Self, SnapshotError> {
        let bundle = translate::translate(&config)?;
        let policies = bundle.policy_set()?;
        let (schema, _) = Schema::from_cedarschema_str(translate::SCHEMA)
            .map_err(|error| SnapshotError::Schema(error.to_string()))?;
        let outcome = Validator::new(schema).validate(&policies, ValidationMode::Strict);
        if !outcome.validation_passed() {
            let errors: Vec<_> = outcome.validation_errors().map(ToString::to_string).collect();
            return Err(SnapshotError::Invalid(errors.join("; ")));
        }
        let facts_in_order: Vec<_> =
            bundle.policies.iter().map(|policy| Arc::new(PolicyFacts::of(policy))).collect();
        let ids = bundle.policies.iter().map(|policy| policy.id().clone());
        let names = Names::new().map_err(SnapshotError::Schema)?;
        Ok(Self {
            generation: GENERATION.fetch_add(1, Ordering::Relaxed) + 1,
            facts: ids.zip(facts_in_order.iter().cloned()).collect(),
            facts_in_order,
            authorizer: Authorizer::new(),
            call_route: Policies::new(&bundle.policies, names.action("call_route"))?,
            use_model: Policies::new(&bundle.policies, names.action("use_model"))?,
            teams: TeamDirectory::new(&config.teams),
            lists: bundle.lists,
            names,
            config,
        })
    }

    /// The configuration that the snapshot was built from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Counts the snapshots of this process, from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Who a token belongs to (R1, R4).
    #[must_use]
    pub fn identify(&self, claims: &VerifiedClaims) -> Caller {
        Caller::identify(claims, self.config.jwt.as_ref())
    }
}
