//! Kinds of callers: combinations of roles, scopes, teams and users in a token.

use std::collections::BTreeSet;

/// A kind of caller. The token lacks every part that is `None`, empty or false.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) struct Kind {
    pub(in crate::cli) master_key: bool,
    /// `None` if the issuer makes no difference.
    pub(in crate::cli) issuer: Option<String>,
    pub(in crate::cli) roles: BTreeSet<String>,
    pub(in crate::cli) team: Team,
    pub(in crate::cli) scope: Option<String>,
    /// Whether the token has the admin scope, which each side may name differently.
    pub(in crate::cli) admin: bool,
    pub(in crate::cli) person: Person,
}

/// The teams in the claims of a token, and the team that the request selects.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) struct Team {
    /// At `team_id_jwt_field`.
    pub(in crate::cli) id: Option<Name>,
    /// At `team_ids_jwt_field`.
    pub(in crate::cli) ids: BTreeSet<Name>,
    /// At `team_alias_jwt_field`.
    pub(in crate::cli) alias: Option<Name>,
    /// At `object_id_jwt_field`.
    pub(in crate::cli) object: Option<Name>,
    /// The header `x-litellm-team-id`.
    pub(in crate::cli) header: Option<String>,
}

/// The user of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) struct Person {
    pub(in crate::cli) without_user: bool,
    /// The domain of the email address.
    pub(in crate::cli) domain: Option<Name>,
}

/// A name in a token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cli) enum Name {
    Named(String),
    /// A name that neither side has.
    Other,
}

/// Part of a token: its size, and whether it contains a changed name.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Choice<T> {
    pub(in crate::cli) says: usize,
    pub(in crate::cli) changed: bool,
    pub(in crate::cli) what: T,
}

/// The choices for each part of a token.
#[derive(Debug)]
pub(in crate::cli) struct Choices {
    pub(in crate::cli) issuers: Vec<Choice<Option<String>>>,
    pub(in crate::cli) roles: Vec<Choice<BTreeSet<String>>>,
    pub(in crate::cli) scopes: Vec<Choice<Option<String>>>,
    /// The first choice is empty.
    pub(in crate::cli) teams: Vec<Choice<Team>>,
    pub(in crate::cli) persons: Vec<Choice<Person>>,
    /// Whether the team and user of an admin make no difference (R5).
    pub(in crate::cli) admins_are_alike: bool,
}

/// The maximum size of a token in the largest comparison.
const MOST_SAID: usize = 12;

impl Choices {
    /// The maximum size of a token that keeps the number of kinds within `most`. `None` is unlimited.
    pub(in crate::cli) fn limit(&self, focused: bool, most: usize) -> Option<usize> {
        let common = counts(&self.issuers).times(&counts(&self.roles)).times(&counts(&self.scopes));
        let of_users = |teams: &[_], persons: &[_]| common.times(&counts(teams)).times(&counts(persons));
        let plain = of_users(&self.teams, &self.persons);
        let [teams, persons] = self.of_admins();
        let admins = of_users(
            self.teams.get(..teams).unwrap_or_default(),
            self.persons.get(..persons).unwrap_or_default(),
        );
        let count = |counts: &Counts, size: usize| {
            let at = |list: &[usize]| list.get(size).copied().unwrap_or_default();
            at(&counts.changed).saturating_add(if focused { 0 } else { at(&counts.unchanged) })
        };
        let kinds_up_to = |limit: usize| {
            let plain = (0..=limit).map(|size| count(&plain, size));
            let admins = (0..limit).map(|size| count(&admins, size));
            plain.chain(admins).fold(0, usize::saturating_add)
        };
        if kinds_up_to(MOST_SAID) <= most {
            return None;
        }
        Some((1..MOST_SAID).rev().find(|limit| kinds_up_to(*limit) <= most).unwrap_or(1))
    }

    /// The number of team and user choices for admins.
    fn of_admins(&self) -> [usize; 2] {
        if self.admins_are_alike { [1, 1] } else { [self.teams.len(), self.persons.len()] }
    }

    /// Every combination of at most the size `limit`, smallest first.
    pub(in crate::cli) fn kinds(&self, focused: bool, limit: Option<usize>) -> Vec<Kind> {
        let limit = limit.unwrap_or(usize::MAX);
        let [admin_teams, admin_persons] = self.of_admins();
        let mut kinds: Vec<(usize, Kind)> = Vec::new();
        for common in self.common(limit) {
            for admin in [false, true] {
                let [teams, persons] =
                    if admin { [admin_teams, admin_persons] } else { [self.teams.len(), self.persons.len()] };
                for team in self.teams.iter().take(teams) {
                    for person in self.persons.iter().take(persons) {
                        let says = common.says + team.says + person.says + usize::from(admin);
                        let changed = common.changed || team.changed || person.changed;
                        if says <= limit && (changed || !focused) {
                            let (team, person) = (team.what.clone(), person.what.clone());
                            kinds.push((says, Kind { team, person, admin, ..common.what.clone() }));
                        }
                    }
                }
            }
        }
        kinds.sort_by_key(|(says, _)| *says);
        kinds.into_iter().map(|(_, kind)| kind).collect()
    }

    /// The combinations of issuers, roles and scopes.
    fn common(&self, limit: usize) -> Vec<Choice<Kind>> {
        let mut all = Vec::new();
        for issuer in &self.issuers {
            for role in &self.roles {
                for scope in &self.scopes {
                    let says = issuer.says + role.says + scope.says;
                    let what = || Kind {
                        issuer: issuer.what.clone(),
                        roles: role.what.clone(),
                        scope: scope.what.clone(),
                        ..Kind::default()
                    };
                    if says <= limit {
                        let changed = issuer.changed || role.changed || scope.changed;
                        all.push(Choice { says, changed, what: what() });
                    }
                }
            }
        }
        all
    }
}

/// The number of combinations for each size.
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
    /// Whether the token has at most one part, and the request selects no team.
    pub(in crate::cli) fn says_one_thing(&self) -> bool {
        let Team { id, ids, alias, object, header } = &self.team;
        let single = [id.is_some(), alias.is_some(), object.is_some(), self.scope.is_some(), self.admin];
        let count = single.into_iter().filter(|is| *is).count() + self.roles.len() + ids.len();
        header.is_none() && count + usize::from(self.person.without_user) <= 1
    }

    /// Whether `other` contains everything in this kind, and more.
    pub(in crate::cli) fn is_part_of(&self, other: &Self) -> bool {
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
pub(in crate::cli) fn subsets<T: Clone + Ord>(names: &[T], most: usize) -> Vec<BTreeSet<T>> {
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
            persons: vec![Choice { says: 0, changed: false, what: Person::default() }],
            admins_are_alike: true,
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
