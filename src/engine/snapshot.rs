//! Everything that a decision needs, checked as a whole and then never changed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cedar_policy::{Authorizer, EntityUid, Policy, PolicyId, PolicySet, ValidationMode, Validator};
use miette::Diagnostic;

use super::Rule;
use super::dropped::Dropped;
use super::facts::{PolicyFacts, PolicyView};
use super::hierarchy::NamedLists;
use super::index::Policies;
use super::key::KeptKey;
use super::names::{Names, uid};
use super::questions::Answer;
use super::reads::Reads;
use super::team::TeamDirectory;
use crate::authn::VerifiedClaims;
use crate::config::Config;
use crate::dropins::{DropInError, DropIns};
use crate::identity::Caller;
use crate::memo::Memo;
use crate::routes::group_names;
use crate::translate::{self, Lists, MASTER_KEY_ROLE, TranslateError};

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// A configuration with its policies, ready to decide.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    config: Config,
    pub(super) authorizer: Authorizer,
    pub(super) call_route: Policies,
    pub(super) use_model: Policies,
    facts: HashMap<PolicyId, Arc<PolicyFacts>>,
    /// The same in the order of the rules, dropped-in policies last.
    pub(super) facts_in_order: Vec<Arc<PolicyFacts>>,
    pub(super) lists: Lists,
    /// The lists that dropped-in files name.
    pub(super) named_lists: NamedLists,
    pub(super) teams: TeamDirectory,
    pub(super) names: Names,
    pub(super) dropped: Dropped,
    pub(super) reads: Reads,
    /// Whether it is told apart by which method a route is called.
    pub(super) reads_method: bool,
    /// What Cedar answered before: another snapshot begins without.
    pub(super) answers: Memo<KeptKey, Answer>,
}

/// Combinations of callers' ties, routes and models. An entry takes a kilobyte or so.
const ANSWERS: usize = 4_096;

/// A configuration that cannot be put in force.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The configuration could not be translated.
    #[error(transparent)]
    Translate(#[from] TranslateError),
    /// The schema cannot be read.
    #[error("the schema cannot be read: {0}")]
    Schema(String),
    /// A translated policy does not validate against the schema.
    #[error("the policies do not validate: {0}")]
    Invalid(String),
    /// The dropped-in files are refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    DropIns(#[from] Box<DropInError>),
}

impl Snapshot {
    /// Translates a configuration and validates the policies strictly against the schema.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] says what does not fit; nothing is in force then.
    pub fn build(config: Config) -> Result<Self, SnapshotError> {
        Self::with_policies(config, &DropIns::default())
    }

    /// The same with policies that operators dropped in beside the configuration.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] says what does not fit; nothing is in force then.
    pub fn with_policies(config: Config, dropins: &DropIns) -> Result<Self, SnapshotError> {
        Self::with_reads(config, dropins, Reads::of)
    }

    /// The same, by what `reads_of` says that a policy reads.
    pub(super) fn with_reads(
        config: Config,
        dropins: &DropIns,
        reads_of: impl Fn(&Policy) -> Reads,
    ) -> Result<Self, SnapshotError> {
        let bundle = translate::translate(&config)?;
        let names = Names::new().map_err(SnapshotError::Schema)?;
        let dropped = Dropped::new(dropins, &bundle.policies, &reads_of)?;
        validate(&bundle.policy_set()?, &dropped)?;

        let mut reads = dropped.reads.clone();
        let mut facts_in_order = Vec::new();
        for policy in &bundle.policies {
            let its = reads_of(policy);
            reads.add_all(&its);
            facts_in_order.push(Arc::new(PolicyFacts::of_translated(policy, &its)));
        }
        for dropin in &dropins.policies {
            let its = reads_of(&dropin.parsed);
            facts_in_order.push(Arc::new(PolicyFacts::of_dropped(dropin, &its)));
        }
        let by_id = facts_in_order.iter().map(|facts| (facts.policy.id().clone(), facts.clone()));
        let policies = |action: EntityUid| {
            Policies::new(&facts_in_order, action).map_err(|error| SnapshotError::Invalid(error.to_string()))
        };
        let mut lists = bundle.lists;
        lists.add_route_groups(group_names().filter(|group| dropped.reads.names(group)));
        let mut snapshot = Self {
            generation: GENERATION.fetch_add(1, Ordering::Relaxed) + 1,
            facts: by_id.collect(),
            authorizer: Authorizer::new(),
            call_route: policies(names.action("call_route"))?,
            use_model: policies(names.action("use_model"))?,
            facts_in_order,
            named_lists: NamedLists::default(),
            teams: TeamDirectory::new(&config.teams),
            lists,
            names,
            dropped,
            reads_method: reads.attribute("method"),
            reads,
            answers: Memo::with_capacity(ANSWERS),
            config,
        };
        snapshot.named_lists = NamedLists::new(&snapshot);
        snapshot.check_circles()?;
        Ok(snapshot)
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

    /// Every policy, in the order of the rules, dropped-in ones last.
    pub fn policies(&self) -> impl Iterator<Item = PolicyView<'_>> {
        self.facts_in_order.iter().map(|facts| PolicyView(facts))
    }

    /// The same caller by this snapshot's rules, when another one identified it.
    #[must_use]
    pub fn identify_again(&self, caller: &Caller) -> Caller {
        caller.again(self.config.jwt.as_ref())
    }

    /// Every policy of the snapshot is known: one that is not could not be reported.
    pub(super) fn facts_of(&self, id: &PolicyId) -> Result<&Arc<PolicyFacts>, String> {
        self.facts.get(id).ok_or_else(|| "a policy is not known".to_owned())
    }

    /// The ids of all policies, in the order of the rules.
    pub fn policy_ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.facts_in_order.iter().map(|facts| &facts.id)
    }

    /// The entity that policies know a caller by.
    #[must_use]
    pub fn entity_of(&self, caller: &Caller) -> EntityUid {
        uid(&self.names.caller, &caller.entity_id())
    }

    /// Dropped-in policies and entities that name a caller who cannot be: each with its place.
    #[must_use]
    pub fn misnamed_callers(&self) -> Vec<String> {
        let is_misnamed = |uid: &EntityUid| {
            let id = uid.id().unescaped();
            *uid.type_name() == self.names.caller && !id.contains('#') && id != MASTER_KEY_ROLE
        };
        let of_policies = self.facts_in_order.iter().filter(|facts| facts.rule == Rule::Policy);
        let of_policies = of_policies.flat_map(|facts| {
            let place = facts.source.clone().unwrap_or_default();
            facts.policy.entity_literals().into_iter().map(move |uid| (place.clone(), uid))
        });
        let of_files = self.dropped.statics.places();
        let all: BTreeSet<(String, EntityUid)> =
            of_policies.chain(of_files).filter(|(_, uid)| is_misnamed(uid)).collect();
        let text = |(place, uid): (String, EntityUid)| {
            format!(
                "{place}: `{uid}` is no caller: write `Caller::\"ISSUER#SUBJECT\"`, by the token's `iss` and `sub`"
            )
        };
        all.into_iter().map(text).collect()
    }

    /// Who a token belongs to (R1, R4).
    #[must_use]
    pub fn identify(&self, claims: &VerifiedClaims) -> Caller {
        Caller::identify(claims, self.config.jwt.as_ref())
    }
}

fn validate(translated: &PolicySet, dropped: &Dropped) -> Result<(), SnapshotError> {
    let outcome = Validator::new(dropped.schema.clone()).validate(translated, ValidationMode::Strict);
    if outcome.validation_passed() {
        return Ok(());
    }
    let errors: Vec<_> = outcome.validation_errors().map(ToString::to_string).collect();
    Err(SnapshotError::Invalid(errors.join("; ")))
}
