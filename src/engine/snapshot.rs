//! An immutable snapshot of everything that a decision needs, validated as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cedar_policy::{Entity, EntityUid, Policy, PolicySet, ValidationMode, Validator};
use miette::Diagnostic;

use super::cache::answer::Answer;
use super::cache::key::{Key, MemoizedKey};
use super::entities::candidates::NamedLists;
use super::entities::names::{Names, uid};
use super::entities::world::World;
use super::policy::asked::Asked;
use super::policy::drop_ins::ValidatedDropIns;
use super::policy::facts::{PolicyFacts, PolicyView};
use super::policy::reads::Reads;
use super::policy::shapes::one_of_each;
use super::policy::store::PolicyStore;
use super::teams::TeamDirectory;
#[cfg(feature = "gateway")]
use crate::authn::BorrowedClaims;
use crate::authn::VerifiedClaims;
use crate::cache::{Cache, Hashed};
use crate::config::Config;
use crate::dropins::{DropInError, DropIns};
use crate::identity::{Caller, Profile};
use crate::routes::group_names;
use crate::rules::{MASTER_KEY_ROLE, Rule};
use crate::translate::{self, TranslateError, TranslatedPolicy};

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// A configuration with its validated policies, ready to decide requests.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    config: Config,
    pub(super) policies: PolicyStore,
    pub(super) world: World,
    /// Cedar's earlier answers. Each snapshot starts with an empty cache.
    pub(super) answers: Cache<MemoizedKey, Answer>,
    /// The profiles that callers share.
    profiles: Cache<Arc<Hashed<Profile>>, ()>,
}

/// The number of cached answers, one per readable combination of caller, route and models. An entry takes about a
/// kilobyte.
const ANSWERS: usize = 4_096;
const PROFILES: usize = 1_024;
/// A profile with more text than this is not shared. Otherwise large tokens could fill the memory.
const MAX_SHARED_BYTES: usize = 1_024;

/// A configuration that cannot be activated.
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
    /// ```
    /// use modelgate::{config::Config, engine::Snapshot};
    ///
    /// let yaml = "general_settings: {master_key: sk-1}\nmodel_list: []\n";
    /// let snapshot = Snapshot::build(Config::parse("config.yaml", yaml, ".".as_ref(), &|_| None)?)?;
    /// assert!(snapshot.policy_ids().next().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] describes the mistake. No snapshot is built then.
    pub fn build(config: Config) -> Result<Self, SnapshotError> {
        Self::with_policies(config, &DropIns::default())
    }

    /// Builds a snapshot that also contains operators' drop-in files.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] describes the mistake. No snapshot is built then.
    pub fn with_policies(config: Config, dropins: &DropIns) -> Result<Self, SnapshotError> {
        Self::with_reads(config, dropins, Reads::of)
    }

    /// Builds a snapshot. `reads_of` returns the names that a policy reads.
    pub(super) fn with_reads(
        config: Config,
        dropins: &DropIns,
        reads_of: impl Fn(&Policy) -> Reads,
    ) -> Result<Self, SnapshotError> {
        let bundle = translate::translate(&config)?;
        let names = Names::new().map_err(SnapshotError::Schema)?;
        let drop_ins = ValidatedDropIns::new(dropins, &bundle.policies, &reads_of)?;
        validate(&bundle.policies, &drop_ins)?;

        let mut reads = drop_ins.reads.clone();
        let mut facts_in_order = Vec::new();
        for translated in bundle.policies {
            let its = reads_of(translated.policy());
            reads.add_all(&its);
            facts_in_order.push(Arc::new(PolicyFacts::of_translated(translated, its)));
        }
        for dropin in &dropins.policies {
            let its = reads_of(&dropin.parsed);
            facts_in_order.push(Arc::new(PolicyFacts::of_dropped(dropin, its)));
        }
        let mut lists = bundle.lists;
        lists.add_route_groups(group_names().filter(|group| drop_ins.reads.names(group)));
        let others = drop_ins.actions.iter().map(Entity::uid);
        let policies =
            PolicyStore::new(facts_in_order, names.action("call_route"), names.action("use_model"), others)
                .map_err(|id| SnapshotError::Invalid(format!("two have the id `{id}`")))?;
        let mut world = World {
            names,
            lists,
            named_lists: NamedLists::default(),
            teams: TeamDirectory::new(&config.teams),
            drop_ins,
            reads_method: reads.attribute("method"),
            reads,
        };
        world.named_lists = NamedLists::new(&world);
        world.check_circles()?;
        Ok(Self {
            generation: GENERATION.fetch_add(1, Ordering::Relaxed) + 1,
            config,
            policies,
            world,
            answers: Cache::with_capacity(ANSWERS),
            profiles: Cache::with_capacity(PROFILES),
        })
    }

    /// The configuration that the snapshot was built from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The number of this snapshot. Snapshots of a process are numbered from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// All policies in the order of the rules. Dropped-in policies come last.
    pub fn policies(&self) -> impl Iterator<Item = PolicyView<'_>> {
        self.policies.in_order.iter().map(|facts| PolicyView(facts))
    }

    /// Identifies a caller again by this snapshot's rules, after another snapshot identified it.
    #[must_use]
    pub fn identify_again(&self, caller: &Caller) -> Caller {
        caller.identify_again(self.config.jwt.as_ref())
    }

    /// The ids of all policies, in the order of the rules.
    pub fn policy_ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.policies.in_order.iter().map(|facts| &facts.id)
    }

    /// Everything that the policies can distinguish about a request, except for its context.
    pub(super) fn key<'a>(
        &self,
        caller: &Caller,
        team: Result<Option<&'a str>, Rule>,
        asked: &Asked<'a>,
    ) -> Key<'a> {
        Key::new(self.profile(caller), team, asked, self.world.reads_method)
    }

    /// The readable part of a caller. It is computed once and shared by all requests of the caller.
    fn profile(&self, caller: &Caller) -> Arc<Hashed<Profile>> {
        let compute =
            || self.shared(self.answers.hashed(Profile::new(&self.world.reads, &self.world.teams, caller)));
        match caller.profile.get_or_init(|| (self.generation(), compute())) {
            (generation, profile) if *generation == self.generation() => Arc::clone(profile),
            // Another snapshot used the caller first, and its policies read other names.
            _ => compute(),
        }
    }

    /// Replaces a profile by an equal one of another caller, so that many callers take less memory.
    fn shared(&self, profile: Hashed<Profile>) -> Arc<Hashed<Profile>> {
        let known = self.profiles.get(&profile, |known| **known == profile, |known, ()| Arc::clone(known));
        known.unwrap_or_else(|| {
            let profile = Arc::new(profile);
            if profile.all_texts().map(str::len).sum::<usize>() <= MAX_SHARED_BYTES {
                self.profiles.insert(Arc::clone(&profile), ());
            }
            profile
        })
    }

    /// Whether policies read claims that are not attributes of the caller.
    #[cfg(feature = "gateway")]
    pub(crate) fn reads_claims(&self) -> bool {
        !self.world.reads.tags.is_empty()
    }

    /// The entity that stands for a caller in policies.
    #[must_use]
    pub fn entity_of(&self, caller: &Caller) -> EntityUid {
        uid(&self.world.names.caller, &caller.entity_id())
    }

    /// Dropped-in policies and entities that name an impossible caller, each with its position.
    #[must_use]
    pub fn misnamed_callers(&self) -> Vec<String> {
        let is_misnamed = |uid: &EntityUid| {
            let id = uid.id().unescaped();
            *uid.type_name() == self.world.names.caller && !id.contains('#') && id != MASTER_KEY_ROLE
        };
        let of_policies = self.policies.in_order.iter().filter(|facts| facts.rule == Rule::Policy);
        let of_policies = of_policies.flat_map(|facts| {
            let place = facts.source.clone().unwrap_or_default();
            facts.policy.entity_literals().into_iter().map(move |uid| (place.clone(), uid))
        });
        let of_files = self.world.drop_ins.statics.places();
        let all: BTreeSet<(String, EntityUid)> =
            of_policies.chain(of_files).filter(|(_, uid)| is_misnamed(uid)).collect();
        let text = |(place, uid): (String, EntityUid)| {
            format!(
                "{place}: `{uid}` is not a caller: write `Caller::\"ISSUER#SUBJECT\"`, from the token's `iss` and `sub`"
            )
        };
        all.into_iter().map(text).collect()
    }

    /// Identifies the caller of a token (R1, R4).
    #[must_use]
    pub fn identify(&self, claims: &VerifiedClaims) -> Caller {
        Caller::identify(claims, self.config.jwt.as_ref())
    }

    /// The same for borrowed claims, which the caller keeps only if they are needed later.
    #[cfg(feature = "gateway")]
    pub(crate) fn identify_borrowed(&self, claims: &BorrowedClaims<'_>, keeps_claims: bool) -> Caller {
        Caller::identify_borrowed(claims, self.config.jwt.as_ref(), keeps_claims)
    }
}

fn validate(translated: &[TranslatedPolicy], drop_ins: &ValidatedDropIns) -> Result<(), SnapshotError> {
    let policies = one_of_each(translated.iter().map(TranslatedPolicy::policy)).cloned();
    let set =
        PolicySet::from_policies(policies).map_err(|error| SnapshotError::Invalid(error.to_string()))?;
    let outcome = Validator::new(drop_ins.schema.clone()).validate(&set, ValidationMode::Strict);
    if outcome.validation_passed() {
        return Ok(());
    }
    let errors: Vec<_> = outcome.validation_errors().map(ToString::to_string).collect();
    Err(SnapshotError::Invalid(errors.join("; ")))
}
