//! Lists of denied models, which compare the spelling of some names.
//!
//! Input: the lists, and the classes of names. Output: for which names both answers are possible, and where they must agree.
//! For a name that is compared by its spelling, a formula leaves open which entries of the lists it spells. But an
//! entry gives the same answer wherever it is listed: in several lists, and on both sides.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::proof::Reason;
use crate::prove::classes::Class;
use crate::translate::DeniedModels;

use super::resources::one_of;
use super::side::Side;
use super::text::{negated, or, same};
use super::world::World;

impl World<'_> {
    /// The classes of which a list has some members, or none, by their spelling alone. `None` if there are none.
    pub(super) fn spelled_otherwise(&self, list: &DeniedModels) -> Option<String> {
        let number = self.side.number;
        self.where_class(|class| {
            class.by_spelling.get(number) == Some(&true) && !list.contains_model(&class.witness)
        })
    }

    /// That each entry of a list of denied models gives the same answer in all lists, for names whose spelling both sides
    /// compare.
    pub(super) fn like_spellings(&self, other: &Side<'_>) -> Vec<String> {
        let sides = [self.side, *other];
        let is_compared = |class: &Class| class.by_spelling == [true, true];
        let Some(compared) = self.where_class(is_compared) else { return Vec::new() };
        let lists = sides.into_iter().flat_map(|side| {
            let reasons = side.facts().denial_reasons().into_iter();
            reasons.filter(|(_, reasons)| !reasons.is_empty()).map(move |(id, reasons)| (side, id, reasons))
        });
        let lists: Vec<(Side<'_>, &str, BTreeSet<Reason>)> = lists.collect();
        // Reasons that the same lists have need one variable.
        let mut having: BTreeMap<&Reason, Vec<usize>> = BTreeMap::new();
        for (at, (_, _, reasons)) in lists.iter().enumerate() {
            reasons.iter().for_each(|reason| having.entry(reason).or_default().push(at));
        }
        let groups: Vec<&Vec<usize>> = having.values().collect::<BTreeSet<_>>().into_iter().collect();
        let mut all = Vec::new();
        for (at, (side, id, _)) in lists.iter().enumerate() {
            let is_in = format!("({} in {})", side.model(), side.entity("ModelSet", id));
            let own = groups.iter().enumerate().filter(|(_, lists)| lists.contains(&at));
            let any = or(own.map(|(group, _)| self.spells(side, group)));
            all.push(or([negated(&compared), same(&is_in, &any)]));
        }
        all.extend(self.answers_alike(sides, groups.len()));
        all
    }

    /// Where both sides give the same answers.
    fn answers_alike(&self, sides: [Side<'_>; 2], groups: usize) -> Vec<String> {
        let [own, others] = sides.map(|side| side.facts());
        let alike = self.where_class(|class| {
            let name = class.witness.as_str();
            class.by_spelling == [true, true] && !name.contains(',') && own.resolves_like(others, name)
        });
        let with_commas =
            self.where_class(|class| class.by_spelling == [true, true] && class.witness.contains(','));
        let implies = |is: bool, one: &str, other: &str| {
            let classes = with_commas.as_ref().filter(|_| is)?;
            Some(or([negated(classes), negated(one), other.to_owned()]))
        };
        // A configuration that has more names has fewer reasons to deny a name with commas.
        let (fewer, more) = (own.has_all_names_of(others), others.has_all_names_of(own));
        let answers = (0..groups).flat_map(|group| {
            let [own, others] = sides.map(|side| self.spells(&side, group));
            let equal = alike.as_ref().map(|classes| or([negated(classes), same(&own, &others)]));
            let of_parts = sides.into_iter().flat_map(|side| {
                let [first, this] = [0, group].map(|group| self.spells(&side, group));
                let is_one = group > 0 && !side.facts().compares_parts();
                [implies(is_one, &first, &this), implies(is_one, &this, &first)]
            });
            let answers = [equal, implies(fewer, &own, &others), implies(more, &others, &own)];
            answers.into_iter().chain(of_parts).collect::<Vec<_>>()
        });
        answers.flatten().collect()
    }

    /// A variable: whether the model is a spelling of some entries.
    fn spells(&self, side: &Side<'_>, group: usize) -> String {
        let mut id = format!("spellings {group}");
        // No policy may name it.
        while self.vocabulary.of_type("ModelSet").any(|known| known == id) {
            id.push('\'');
        }
        format!("({} in {})", side.model(), side.entity("ModelSet", &id))
    }

    fn where_class(&self, holds: impl Fn(&Class) -> bool) -> Option<String> {
        let found = self.models.iter().enumerate().filter(|(_, class)| holds(class));
        let found: Vec<usize> = found.map(|(at, _)| at).collect();
        (!found.is_empty()).then(|| one_of("context.mc", &found, self.models.len()))
    }
}
