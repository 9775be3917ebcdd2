//! Finds the lists of denied models that contain a model, in any spelling of its name.
//!
//! A name with an exact entry in `model_list` is compared as written, because the entry determines the model
//! that runs. A wildcard or the upstream resolves any other name, so each of its possible readings is
//! compared. A name that the configuration does not have is denied.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashSet};

use cedar_policy::EntityUid;

use super::candidates::Candidates;
use super::names::uid;
use super::world::World;
use crate::translate::{DeniedModels, canonical, readings};

/// How to compare a name with a list that does not contain it as written.
enum Comparison {
    /// The list does not contain it.
    Exact,
    /// Every non-empty list contains it.
    Unknown,
    /// The list contains it if the list contains a reading of one of these names, or if the list is an
    /// ancestor of a reading.
    Spelled { names: Vec<(String, BTreeSet<String>)>, above: HashSet<EntityUid> },
}

impl World {
    /// Adds the lists of denied models that contain the model.
    pub(super) fn add_denied_lists(
        &self,
        name: &str,
        candidates: &Candidates<'_>,
        add: &mut dyn FnMut(EntityUid),
    ) {
        let comparison = OnceCell::new();
        let lists = candidates.token_roles.iter().map(|role| &role.denied);
        for (id, denied) in lists.filter(|(_, denied)| !denied.is_empty()) {
            let list = self.names.model_set_uid(id);
            if denied.contains_model(name)
                || comparison.get_or_init(|| self.comparison(name, candidates)).finds(denied, &list)
            {
                add(list);
            }
        }
    }

    fn comparison(&self, name: &str, candidates: &Candidates<'_>) -> Comparison {
        let known = &self.lists.names;
        if known.is_served(name) {
            return Comparison::Exact;
        }
        if !known.resolves(name) {
            return Comparison::Unknown;
        }
        // LiteLLM splits a name at commas. Parts with an entry in `model_list` are compared separately, as
        // written.
        let parts = name.split(',').map(str::trim).filter(|part| !part.is_empty() && !known.is_served(part));
        let names = parts.flat_map(|part| std::iter::once(part.to_owned()).chain(known.targets(part)));
        let names = names.map(|name| readings(&name).map(|readings| (name, readings)));
        let Some(names) = names.collect::<Option<Vec<_>>>() else { return Comparison::Unknown };
        let all = names.iter().flat_map(|(_, readings)| readings);
        let models: HashSet<EntityUid> = all.flat_map(|reading| self.models_like(reading)).collect();
        let own = uid(&self.names.model, name);
        let others = models.iter().filter(|model| **model != own);
        let above = others.flat_map(|model| self.above(model, candidates)).collect();
        Comparison::Spelled { names, above }
    }

    /// The models of `model_list` and of operators' files with this plain form.
    fn models_like(&self, reading: &str) -> Vec<EntityUid> {
        let served = self.lists.names.served_like(reading).map(|name| uid(&self.names.model, name));
        let plain = canonical(reading);
        let is_like = |described: &&EntityUid| {
            *described.type_name() == self.names.model && canonical(described.id().unescaped()) == plain
        };
        served.chain(self.drop_ins.statics.described().filter(is_like).cloned()).collect()
    }
}

impl Comparison {
    fn finds(&self, denied: &DeniedModels, list: &EntityUid) -> bool {
        match self {
            Self::Exact => false,
            Self::Unknown => true,
            Self::Spelled { names, above } => {
                above.contains(list)
                    || names.iter().any(|(name, readings)| denied.contains_reading(name, readings))
            }
        }
    }
}
