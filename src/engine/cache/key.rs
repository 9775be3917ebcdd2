//! The cache key: everything that an answer depends on, except for the context.

use std::sync::Arc;

use crate::cache::Hashed;
use crate::engine::policy::asked::Asked;
use crate::identity::Profile;
use crate::names::ModelName;
use crate::rules::Rule;

/// Everything that a snapshot's policies can distinguish about a request, except for its context.
///
/// Entities are built only from this key and from the snapshot. So requests with the same key have the same entities,
/// and policies cannot read anything that the key lacks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::engine) struct KeyOf<S, M> {
    pub(in crate::engine) caller: Arc<Hashed<Profile>>,
    /// The team selected for the request, or the rule that denies (R6).
    pub(in crate::engine) team: Result<Option<S>, Rule>,
    pub(in crate::engine) route: S,
    pub(in crate::engine) method: Option<S>,
    pub(in crate::engine) models: M,
}

/// The key of a request. It borrows from the request.
pub(in crate::engine) type Key<'a> = KeyOf<&'a str, &'a [&'a ModelName]>;

/// The owned key of a cache entry.
pub(in crate::engine) type MemoizedKey = KeyOf<Arc<str>, Box<[ModelName]>>;

/// Keys with more text than this are not cached. Otherwise a large token or request could fill the memory.
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

    /// Whether the key is small enough to cache.
    pub(in crate::engine) fn is_small(&self) -> bool {
        let Self { caller, team, route, method, models } = self;
        let single = method.iter().chain(team.iter().flatten()).chain([route]);
        let texts =
            single.copied().chain(models.iter().map(|model| model.as_str())).chain(caller.all_texts());
        // An empty text uses memory too.
        texts.map(|text| text.len() + size_of::<String>()).sum::<usize>() <= MOST_BYTES
    }

    /// Copies the key into an owned one.
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

    /// Whether both keys are equal.
    pub(in crate::engine) fn is(&self, other: &MemoizedKey) -> bool {
        // Every field is named, so that the compiler reports a new one that is not compared.
        let KeyOf { caller, team, route, method, models } = other;
        self.caller == *caller
            && self.team == team.as_ref().map(Option::as_deref).map_err(|rule| *rule)
            && *self.route == **route
            && self.method == method.as_deref()
            && self.models.len() == models.len()
            && self.models.iter().zip(models).all(|(ours, theirs)| *ours == theirs)
    }

    /// Copies the id of the selected team.
    pub(in crate::engine) fn team_id(&self) -> Option<Arc<str>> {
        self.team.ok().flatten().map(Arc::from)
    }
}

impl MemoizedKey {
    /// Shares the id of the selected team.
    pub(in crate::engine) fn team_id(&self) -> Option<Arc<str>> {
        self.team.as_ref().ok().and_then(Option::clone)
    }
}
