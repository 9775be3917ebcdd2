//! One of the two compared configurations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use cedar_policy::Effect;
use serde_json::{Map, Value};

use super::claims;
use super::conditions::{self, Condition};
use super::universe::accepts;
use super::universe::kinds::Kind;
use crate::authn::VerifiedClaims;
use crate::config::{Config, Mode};
use crate::dropins::{DropIn, DropIns, annotation};
use crate::engine::{AuthzQuery, Decision, Denied, Snapshot};
use crate::identity::Caller;
use crate::sources::LoadError;

/// A configuration with its policies.
pub(in crate::cli) struct Side {
    pub(in crate::cli) config: Config,
    pub(in crate::cli) dropins: DropIns,
    /// By id.
    conditional: BTreeMap<String, Condition>,
    /// The policies whose result does not depend on uncompared conditions.
    certain: Snapshot,
    /// The same, with every conditional `permit` treated as unconditional. `None` if there is none.
    granting: Option<Snapshot>,
    /// The same, with every conditional `forbid` also treated as unconditional.
    forbidding: Option<Snapshot>,
}

/// Whether a request is allowed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Grant {
    No,
    Yes,
    /// It depends on these policies: if there is a `permit`, one must match, and no `forbid` may match.
    If(BTreeSet<Condition>),
}

impl Grant {
    /// The answer in a word.
    pub(in crate::cli) const fn word(&self) -> &'static str {
        match self {
            Self::No => "denied",
            Self::Yes => "allowed",
            Self::If(_) => "conditional",
        }
    }
}

impl Side {
    /// The actions that operators declare, by the type of their resource.
    pub(super) fn own_actions(&self) -> BTreeMap<String, BTreeSet<&str>> {
        self.certain.own_actions()
    }

    pub(super) fn load(path: &Path, policies: Option<&Path>) -> Result<Self, LoadError> {
        let config = Config::load(path, &crate::cli::environment)?;
        let policies = policies.or(config.gateway.policies.as_deref());
        let dropins = policies.map(DropIns::load).transpose()?.unwrap_or_default();
        // The unchanged policies are built too, so that their errors are reported.
        Snapshot::with_policies(config.clone(), &dropins)?;
        Self::new(config, dropins)
    }

    /// The configuration and policies must have built one snapshot before, which reports their errors.
    pub(in crate::cli) fn new(config: Config, dropins: DropIns) -> Result<Self, LoadError> {
        let enforced = |dropin: &&DropIn| annotation(&dropin.policy, "shadow").is_none();
        let (depending, plain): (Vec<_>, Vec<_>) = dropins
            .policies
            .iter()
            .filter(enforced)
            .cloned()
            .partition(|dropin| conditions::is_conditional(&dropin.policy));
        let conditional: BTreeMap<_, _> =
            depending.iter().map(|dropin| (dropin.policy.id().to_string(), Condition::of(dropin))).collect();
        let stripped: Vec<DropIn> = depending.iter().filter_map(conditions::without).collect();
        let only = |policies: Vec<DropIn>| {
            let mut some = dropins.clone();
            some.policies = policies;
            some
        };
        let with = |effect: Option<Effect>| {
            let more =
                stripped.iter().filter(|dropin| effect.is_none_or(|effect| dropin.policy.effect() == effect));
            let policies = plain.iter().chain(more).cloned().collect();
            Snapshot::with_policies(config.clone(), &only(policies))
        };
        let granting = stripped.iter().any(|dropin| dropin.policy.effect() == Effect::Permit);
        let forbidding = stripped.iter().any(|dropin| dropin.policy.effect() == Effect::Forbid);
        Ok(Self {
            certain: Snapshot::with_policies(config.clone(), &only(plain.clone()))?,
            granting: granting.then(|| with(Some(Effect::Permit))).transpose()?,
            forbidding: forbidding.then(|| with(None)).transpose()?,
            conditional,
            dropins,
            config,
        })
    }

    /// The claims of a kind, in the form that this side reads. `None` for the master key, and if this side
    /// accepts no such token.
    pub(in crate::cli) fn claims(&self, kind: &Kind) -> Option<Map<String, Value>> {
        let jwt = self.config.jwt.as_ref().filter(|jwt| accepts(jwt, kind.issuer.as_deref()))?;
        (!kind.master_key).then(|| claims::of(kind, jwt))
    }

    /// The caller of a kind, or `None` if this side refuses the credential.
    pub(in crate::cli) fn caller(&self, kind: &Kind) -> Option<Caller> {
        if kind.master_key {
            return self.config.master_key.is_some().then(Caller::master_key);
        }
        let claims = VerifiedClaims::dangerous_trust(self.claims(kind)?);
        Some(Caller::identify(&claims, self.config.jwt.as_ref()))
    }

    /// Whether the caller may send this request.
    pub(in crate::cli) fn grant(&self, caller: &Caller, query: &AuthzQuery) -> Grant {
        let mut asked = BTreeSet::new();
        if self.allows(&self.certain, caller, query).is_err() {
            let granting = self.granting.as_ref().map(|snapshot| self.allows(snapshot, caller, query));
            let Some(Ok(decision)) = granting else { return Grant::No };
            asked.extend(self.conditions(&decision.policies));
        }
        let forbidding = self.forbidding.as_ref().map(|snapshot| self.allows(snapshot, caller, query));
        if let Some(Err(denied)) = forbidding {
            asked.extend(self.conditions(&denied.decision.policies));
        }
        if asked.is_empty() { Grant::Yes } else { Grant::If(asked) }
    }

    fn allows(
        &self,
        snapshot: &Snapshot,
        caller: &Caller,
        query: &AuthzQuery,
    ) -> Result<Decision, Box<Denied>> {
        let is_enforced = self.config.gateway.mode == Mode::Enforce;
        snapshot
            .decide_query(caller, query)
            .or_else(|denied| if is_enforced || denied.is_floor { Err(denied) } else { Ok(*denied.decision) })
    }

    fn conditions(&self, ids: &[Arc<str>]) -> impl Iterator<Item = Condition> {
        ids.iter().filter_map(|id| self.conditional.get(&**id)).cloned()
    }
}
