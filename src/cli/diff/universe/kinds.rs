//! Kinds of callers: combinations of what a token can say.

use std::collections::BTreeSet;

/// A kind of caller. What is `None`, empty or false the token does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli::diff) struct Kind {
    pub(in crate::cli::diff) master_key: bool,
    /// `None` where the issuer makes no difference.
    pub(in crate::cli::diff) issuer: Option<String>,
    pub(in crate::cli::diff) roles: BTreeSet<String>,
    pub(in crate::cli::diff) team: Team,
    pub(in crate::cli::diff) scope: Option<String>,
    /// The admin scope, whatever each side calls it.
    pub(in crate::cli::diff) admin: bool,
    pub(in crate::cli::diff) person: Person,
}

/// The teams that a token names, each in its claim, and the one that the request selects.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli::diff) struct Team {
    /// At `team_id_jwt_field`.
    pub(in crate::cli::diff) id: Option<Name>,
    /// At `team_ids_jwt_field`.
    pub(in crate::cli::diff) ids: BTreeSet<Name>,
    /// At `team_alias_jwt_field`.
    pub(in crate::cli::diff) alias: Option<Name>,
    /// At `object_id_jwt_field`.
    pub(in crate::cli::diff) object: Option<Name>,
    /// The header `x-litellm-team-id`.
    pub(in crate::cli::diff) header: Option<String>,
}

/// Who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli::diff) struct Person {
    pub(in crate::cli::diff) without_user: bool,
    /// What stands behind the `@` of the email.
    pub(in crate::cli::diff) domain: Option<Name>,
}

/// A name in a token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli::diff) enum Name {
    Named(String),
    /// One that neither side names.
    Other,
}

/// Part of what a token says: how much it is, and whether it is among what changed.
#[derive(Clone, Debug)]
pub(in crate::cli::diff) struct Choice<T> {
    pub(in crate::cli::diff) says: usize,
    pub(in crate::cli::diff) changed: bool,
    pub(in crate::cli::diff) what: T,
}

/// The choices for each part.
#[derive(Debug)]
pub(in crate::cli::diff) struct Choices {
    pub(in crate::cli::diff) issuers: Vec<Choice<Option<String>>>,
    pub(in crate::cli::diff) roles: Vec<Choice<BTreeSet<String>>>,
    pub(in crate::cli::diff) teams: Vec<Choice<Team>>,
    pub(in crate::cli::diff) scopes: Vec<Choice<Option<String>>>,
    pub(in crate::cli::diff) admins: Vec<Choice<bool>>,
    pub(in crate::cli::diff) persons: Vec<Choice<Person>>,
}

/// The most that tokens say in the largest comparison.
const MOST_SAID: usize = 12;

impl Choices {
    /// How much tokens may say so that there are at most `most` kinds; `None`: anything.
    pub(in crate::cli::diff) fn limit(&self, focused: bool, most: usize) -> Option<usize> {
        let parts = [
            counts(&self.issuers),
            counts(&self.roles),
            counts(&self.teams),
            counts(&self.scopes),
            counts(&self.admins),
            counts(&self.persons),
        ];
        let start = Counts::one();
        let all = parts.iter().fold(start, |all, part| all.times(part));
        let kinds_up_to = |limit: usize| -> usize {
            let sizes = all.unchanged.iter().zip(&all.changed).take(limit + 1);
            sizes
                .map(
                    |(unchanged, changed)| {
                        if focused { *changed } else { unchanged.saturating_add(*changed) }
                    },
                )
                .fold(0, usize::saturating_add)
        };
        if kinds_up_to(MOST_SAID) <= most {
            return None;
        }
        Some((1..MOST_SAID).rev().find(|limit| kinds_up_to(*limit) <= most).unwrap_or(1))
    }

    /// Every combination that says no more than `limit`, those that say least first.
    pub(in crate::cli::diff) fn kinds(&self, focused: bool, limit: Option<usize>) -> Vec<Kind> {
        let limit = limit.unwrap_or(usize::MAX);
        let mut kinds: Vec<(usize, Kind)> = Vec::new();
        for issuer in &self.issuers {
            for role in self.roles.iter().filter(|role| issuer.says + role.says <= limit) {
                for team in &self.teams {
                    for scope in &self.scopes {
                        for admin in &self.admins {
                            for person in &self.persons {
                                let says =
                                    [issuer.says, role.says, team.says, scope.says, admin.says, person.says];
                                let says = says.into_iter().sum::<usize>();
                                let changed = issuer.changed
                                    || role.changed
                                    || team.changed
                                    || scope.changed
                                    || admin.changed
                                    || person.changed;
                                if says > limit || (focused && !changed) {
                                    continue;
                                }
                                let kind = Kind {
                                    master_key: false,
                                    issuer: issuer.what.clone(),
                                    roles: role.what.clone(),
                                    team: team.what.clone(),
                                    scope: scope.what.clone(),
                                    admin: admin.what,
                                    person: person.what.clone(),
                                };
                                kinds.push((says, kind));
                            }
                        }
                    }
                }
            }
        }
        kinds.sort_by_key(|(says, _)| *says);
        kinds.into_iter().map(|(_, kind)| kind).collect()
    }
}

/// How many combinations say how much.
struct Counts {
    unchanged: Vec<usize>,
    changed: Vec<usize>,
}

fn counts<T>(choices: &[Choice<T>]) -> Counts {
    let mut counts = Counts { unchanged: vec![0; MOST_SAID + 1], changed: vec![0; MOST_SAID + 1] };
    for choice in choices {
        let list = if choice.changed { &mut counts.changed } else { &mut counts.unchanged };
        if let Some(count) = list.get_mut(choice.says.min(MOST_SAID)) {
            *count += 1;
        }
    }
    counts
}

impl Counts {
    fn one() -> Self {
        let mut one = Self { unchanged: vec![0; MOST_SAID + 1], changed: vec![0; MOST_SAID + 1] };
        one.unchanged.iter_mut().take(1).for_each(|count| *count = 1);
        one
    }

    fn times(&self, other: &Self) -> Self {
        let mut product = Self { unchanged: vec![0; MOST_SAID + 1], changed: vec![0; MOST_SAID + 1] };
        let add = |list: &mut Vec<usize>, a: &[usize], b: &[usize]| {
            for (i, a) in a.iter().enumerate() {
                for (j, b) in b.iter().enumerate() {
                    if let Some(count) = list.get_mut((i + j).min(MOST_SAID)) {
                        *count = count.saturating_add(a.saturating_mul(*b));
                    }
                }
            }
        };
        add(&mut product.unchanged, &self.unchanged, &other.unchanged);
        add(&mut product.changed, &self.changed, &other.unchanged);
        add(&mut product.changed, &self.unchanged, &other.changed);
        add(&mut product.changed, &self.changed, &other.changed);
        product
    }
}

impl Kind {
    /// Whether the other says all that this one says, and more.
    pub(in crate::cli::diff) fn is_part_of(&self, other: &Self) -> bool {
        let none_or_same = |less: &Option<Name>, more: &Option<Name>| less.is_none() || less == more;
        self != other
            && self.master_key == other.master_key
            && self.issuer == other.issuer
            && self.roles.is_subset(&other.roles)
            && none_or_same(&self.team.id, &other.team.id)
            && self.team.ids.is_subset(&other.team.ids)
            && none_or_same(&self.team.alias, &other.team.alias)
            && none_or_same(&self.team.object, &other.team.object)
            && (self.team.header.is_none() || self.team.header == other.team.header)
            && (self.scope.is_none() || self.scope == other.scope)
            && (!self.admin || other.admin)
            && (!self.person.without_user || other.person.without_user)
            && (self.person.domain == other.person.domain || other.person.without_user)
    }
}

/// The subsets of at most `most` names.
pub(in crate::cli::diff) fn subsets<T: Clone + Ord>(names: &[T], most: usize) -> Vec<BTreeSet<T>> {
    let mut all = vec![BTreeSet::new()];
    let mut of_size = vec![(0, BTreeSet::new())];
    for _ in 0..most.min(names.len()) {
        let larger = of_size.iter().flat_map(|(next, set): &(usize, BTreeSet<T>)| {
            names.iter().enumerate().skip(*next).map(move |(at, name)| {
                let mut set = set.clone();
                set.insert(name.clone());
                (at + 1, set)
            })
        });
        of_size = larger.collect();
        all.extend(of_size.iter().map(|(_, set)| set.clone()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(roles: usize) -> Choices {
        let one = |what| vec![Choice { says: 0, changed: false, what }];
        let names: Vec<String> = (0..roles).map(|i| format!("r{i}")).collect();
        let sets = subsets(&names, 3).into_iter();
        let roles =
            sets.map(|what| Choice { says: what.len(), changed: what.contains("r0"), what }).collect();
        Choices {
            issuers: one(None),
            roles,
            teams: vec![Choice { says: 0, changed: false, what: Team::default() }],
            scopes: one(None),
            admins: [false, true].map(|what| Choice { says: usize::from(what), changed: false, what }).into(),
            persons: vec![Choice { says: 0, changed: false, what: Person::default() }],
        }
    }

    #[test]
    fn few_names_are_combined_in_every_way() {
        let choices = choices(3);
        assert_eq!(choices.limit(false, 1000), None);
        assert_eq!(choices.kinds(false, None).len(), 8 * 2);
        // Half of the sets have the name that changed.
        assert_eq!(choices.kinds(true, None).len(), 4 * 2);
    }

    #[test]
    fn many_names_are_combined_as_far_as_there_is_time() {
        let choices = choices(20);
        let limit = choices.limit(false, 300);
        assert_eq!(limit, Some(2));
        // Nobody in particular, one thing, or two, of which one may be the admin scope.
        assert_eq!(choices.kinds(false, limit).len(), 1 + 21 + (190 + 20));
        assert_eq!(choices.limit(true, 300), Some(3));
    }

    #[test]
    fn a_kind_is_part_of_one_that_says_more() {
        let kinds = choices(3).kinds(false, None);
        let nobody = kinds.first().unwrap();
        assert!(kinds.iter().skip(1).all(|kind| nobody.is_part_of(kind) && !kind.is_part_of(nobody)));
    }
}
