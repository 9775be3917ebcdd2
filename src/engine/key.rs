//! What an answer depends on.

use std::sync::Arc;

use super::team::Asked;
use super::{Rule, Snapshot};
use crate::identity::{Caller, Profile};
use crate::memo::Hashed;
use crate::names::ModelName;

/// Everything that the policies of a snapshot can tell apart about a request, its context aside.
///
/// Entities are built from this and from the snapshot, and from nothing else. So requests with the same key have the same
/// entities, and what is not in here no policy can read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeyOf<S, M> {
    pub(super) caller: Arc<Hashed<Profile>>,
    /// The team that was selected for the request, or the rule that refuses (R6).
    pub(super) team: Result<Option<S>, Rule>,
    pub(super) route: S,
    pub(super) method: Option<S>,
    pub(super) models: M,
}

/// Of a request.
pub(super) type Key<'a> = KeyOf<&'a str, &'a [&'a ModelName]>;

/// The same, to keep.
pub(super) type KeptKey = KeyOf<Arc<str>, Box<[ModelName]>>;

/// More text than this is not worth keeping; whoever writes a token or a request could fill the memory with it.
const MOST_BYTES: usize = 4_096;

impl<'a> Key<'a> {
    pub(super) fn new(
        snapshot: &Snapshot,
        caller: &Caller,
        team: Result<Option<&'a str>, Rule>,
        asked: &Asked<'a>,
    ) -> Self {
        Self {
            caller: snapshot.profile(caller),
            team,
            route: asked.facts.route,
            method: Some(asked.facts.method).filter(|_| snapshot.reads_method),
            models: asked.models,
        }
    }

    /// Whether it is small enough to be kept.
    pub(super) fn is_small(&self) -> bool {
        let Self { caller, team, route, method, models } = self;
        let single = method.iter().chain(team.iter().flatten()).chain([route]);
        let texts =
            single.copied().chain(models.iter().map(|model| model.as_str())).chain(caller.all_texts());
        // An empty text takes room too.
        texts.map(|text| text.len() + size_of::<String>()).sum::<usize>() <= MOST_BYTES
    }

    /// The same, to keep.
    pub(super) fn to_owned(&self) -> KeptKey {
        let Self { caller, team, route, method, models } = self;
        KeyOf {
            caller: Arc::clone(caller),
            team: team.map(|id| id.map(Arc::from)),
            route: Arc::from(*route),
            method: method.map(Arc::from),
            models: models.iter().map(|model| (*model).clone()).collect(),
        }
    }

    /// Whether nothing differs.
    pub(super) fn is(&self, other: &KeptKey) -> bool {
        // Every part by name, so that a new one cannot be left out here.
        let KeyOf { caller, team, route, method, models } = other;
        self.caller == *caller
            && self.team == team.as_ref().map(Option::as_deref).map_err(|rule| *rule)
            && *self.route == **route
            && self.method == method.as_deref()
            && self.models.len() == models.len()
            && self.models.iter().zip(models).all(|(ours, theirs)| *ours == theirs)
    }

    /// The selected team, for the decision.
    pub(super) fn team_id(&self) -> Option<Arc<str>> {
        self.team.ok().flatten().map(Arc::from)
    }
}

impl KeptKey {
    /// The same without a copy.
    pub(super) fn team_id(&self) -> Option<Arc<str>> {
        self.team.as_ref().ok().and_then(Option::clone)
    }
}
