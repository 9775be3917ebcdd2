//! Which lists of denied models have a name, and on what that depends.

use std::collections::{BTreeMap, BTreeSet};

use super::ProofFacts;
use crate::translate::{DeniedModels, canonical, folded};

/// Something for which a list of denied models has a spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// The list has this name, folded.
    Name(String),
    /// The list has this wildcard. A name may match it as both are written, so it is not folded.
    Wildcard(String),
    /// The list has a model with this plain form, by its name or by a group.
    Model(String),
}

impl<'s> ProofFacts<'s> {
    /// The lists of denied models that have a member, in the order of their ids.
    pub(crate) fn denied_lists(self) -> impl Iterator<Item = (&'s str, &'s DeniedModels)> {
        let lists = self.0.world.lists.token_roles.values().map(|role| &role.denied);
        let lists = lists.filter(|(_, denied)| !denied.is_empty()).map(|(id, denied)| (id.as_str(), denied));
        lists.collect::<BTreeMap<_, _>>().into_iter()
    }

    /// Whether lists of denied models compare the spelling of a name that `model_list` does not have exactly. They have each
    /// name that the configuration does not have. Of a name with commas they compare parts.
    pub(crate) fn compares_spelling(self, name: &str) -> bool {
        self.denied_lists().next().is_some()
            && (name.contains(',') || self.0.world.lists.names.resolves(name))
    }

    /// The reasons for which each list of denied models may have a spelling. A name gives the same answer to a reason,
    /// whichever list has it.
    pub(crate) fn denial_reasons(self) -> BTreeMap<&'s str, BTreeSet<Reason>> {
        let world = &self.0.world;
        let mut reasons: BTreeMap<&str, BTreeSet<Reason>> = BTreeMap::new();
        for entry in self.0.config().token_roles.iter().flatten() {
            let Some(lists) = world.lists.token_roles.get(&entry.role) else { continue };
            let entries = entry.deny_models.iter().map(|entry| match entry.contains('*') {
                true => Reason::Wildcard(entry.clone()),
                false => Reason::Name(folded(entry.trim())),
            });
            reasons.entry(&lists.denied.0).or_default().extend(entries);
        }
        let described = world.drop_ins.statics.described();
        let described = described.filter(|uid| *uid.type_name() == world.names.model).cloned();
        for model in world.lists.names.served().map(|name| self.model(name)).chain(described) {
            let above = self.above(&model);
            for list in above.iter().filter(|uid| *uid.type_name() == world.names.model_set) {
                if let Some(own) = reasons.get_mut(list.id().unescaped()) {
                    own.insert(Reason::Model(canonical(model.id().unescaped())));
                }
            }
        }
        reasons
    }

    /// Whether two configurations read the spelling of a name without commas alike, if both compare it.
    pub(crate) fn resolves_like(self, other: Self, name: &str) -> bool {
        let [own, other] = [self, other].map(|facts| &facts.0.world.lists.names);
        own.resolves_like(other, name)
    }

    /// Whether this configuration has each name that the other one has, and reads it alike. Of a name with commas, it then
    /// has no more unknown parts, and compares no more parts by their spelling.
    pub(crate) fn has_all_names_of(self, other: Self) -> bool {
        let [own, other] = [self, other].map(|facts| &facts.0.world.lists.names);
        own.has_all_of(other)
    }

    /// Whether it may compare a part of a name with commas by its spelling. If not, every list has the name or none has it.
    pub(crate) fn compares_parts(self) -> bool {
        self.0.world.lists.names.has_others()
    }
}
