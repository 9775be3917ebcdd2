//! What an answer depends on.

use std::sync::Arc;

use crate::cache::Hashed;
use crate::engine::policy::asked::Asked;
use crate::identity::Profile;
use crate::names::ModelName;
use crate::rules::Rule;

/// Everything that the policies of a snapshot can tell apart about a request, its context aside.
///
/// Entities are built from this and from the snapshot, and from nothing else. So requests with the same key have the same
/// entities, and what is not in here no policy can read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::engine) struct KeyOf<S, M> {
    pub(in crate::engine) caller: Arc<Hashed<Profile>>,
    /// The team that was selected for the request, or the rule that refuses (R6).
    pub(in crate::engine) team: Result<Option<S>, Rule>,
    pub(in crate::engine) route: S,
    pub(in crate::engine) method: Option<S>,
    pub(in crate::engine) models: M,
}

/// Of a request.
pub(in crate::engine) type Key<'a> = KeyOf<&'a str, &'a [&'a ModelName]>;

/// The same, to keep.
pub(in crate::engine) type MemoizedKey = KeyOf<Arc<str>, Box<[ModelName]>>;

/// More text than this is not worth keeping; whoever writes a token or a request could fill the memory with it.
const MOST_BYTES: usize = 4_096;

impl<'a> Key<'a> {
    pub(in crate::engine) fn new(
        caller: Arc<Hashed<Profile>>,
        team: Result<Option<&'a str>, Rule>,
        asked: &Asked<'a>,
        reads_method: bool,
    ) -> Self {
        Self {
            caller,
            team,
            route: asked.facts.route,
            method: Some(asked.facts.method).filter(|_| reads_method),
            models: asked.models,
        }
    }

    /// Whether it is small enough to be kept.
    pub(in crate::engine) fn is_small(&self) -> bool {
        let Self { caller, team, route, method, models } = self;
        let single = method.iter().chain(team.iter().flatten()).chain([route]);
        let texts =
            single.copied().chain(models.iter().map(|model| model.as_str())).chain(caller.all_texts());
        // An empty text takes room too.
        texts.map(|text| text.len() + size_of::<String>()).sum::<usize>() <= MOST_BYTES
    }

    /// The same, to keep.
    pub(in crate::engine) fn to_owned(&self) -> MemoizedKey {
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
    pub(in crate::engine) fn is(&self, other: &MemoizedKey) -> bool {
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
    pub(in crate::engine) fn team_id(&self) -> Option<Arc<str>> {
        self.team.ok().flatten().map(Arc::from)
    }
}

impl MemoizedKey {
    /// The same without a copy.
    pub(in crate::engine) fn team_id(&self) -> Option<Arc<str>> {
        self.team.as_ref().ok().and_then(Option::clone)
    }
}
