//! What an answer depends on.

use super::entities::{ANYBODY, caller_id};
use super::team::Asked;
use super::{Rule, Snapshot};
use crate::identity::Caller;
use crate::names::Role;

/// Everything that the policies of a snapshot can tell apart about a request, its context aside.
///
/// Entities are built from this and from the snapshot, and from nothing else. So requests with the same key have the same
/// entities, and what is not in here no policy can read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key<S> {
    pub(super) roles: Vec<Role>,
    pub(super) admin: bool,
    pub(super) master_key: bool,
    /// The identity provider left out a claim.
    pub(super) overage: bool,
    /// The team that was selected for the request, or the rule that refuses (R6).
    pub(super) team: Result<Option<S>, Rule>,
    /// The name of the caller's entity, if it is one that is named somewhere.
    pub(super) id: Option<S>,
    pub(super) role_names: Vec<S>,
    pub(super) claimed_teams: Vec<S>,
    pub(super) scopes: Vec<S>,
    /// In the order of [`TEXTS`]; the empty text where policies only ask whether there is one.
    pub(super) texts: [Option<S>; TEXTS.len()],
    pub(super) tags: Vec<(String, Vec<S>)>,
    pub(super) route: S,
    pub(super) method: Option<S>,
    pub(super) models: Vec<S>,
}

/// The caller's attributes of one text.
pub(super) const TEXTS: [&str; 6] = ["issuer", "subject", "client_id", "user_id", "email", "email_domain"];

/// More text than this is not worth keeping; whoever writes a token or a request could fill the memory with it.
const MOST_BYTES: usize = 4_096;

impl<'a> Key<&'a str> {
    pub(super) fn new(
        snapshot: &Snapshot,
        caller: &'a Caller,
        team: Result<Option<&'a str>, Rule>,
        asked: &Asked<'a>,
    ) -> Self {
        let reads = &snapshot.reads;
        let readable = |list: &'static str| {
            let all = reads.value_of(list);
            move |name: &&str| all || reads.names(name)
        };
        let organization = |team: &str| snapshot.teams.get(team)?.organization.as_deref();
        let is_in_a_named_one = |team: &&str| organization(team).is_some_and(|id| reads.names(id));
        let is_readable = readable("teams");
        let claimed_teams =
            caller.claimed_teams().filter(|team| is_readable(team) || is_in_a_named_one(team));
        let text = |(name, text): (&str, Option<&'a str>)| {
            text.filter(|_| reads.attribute(name)).map(|text| if reads.value_of(name) { text } else { "" })
        };
        let texts = [
            caller.issuer.as_deref(),
            caller.subject.as_deref(),
            caller.client_id.as_deref(),
            caller.user_id.as_deref(),
            caller.email.as_deref(),
            caller.email_domain(),
        ];
        let [issuer, subject, client_id, user_id, email, email_domain] = texts;
        let [a, b, c, d, e, f] = TEXTS;
        Self {
            roles: caller.roles.clone(),
            admin: caller.admin,
            master_key: caller.master_key,
            overage: caller.left_out.is_some(),
            team,
            id: Some(caller_id(caller)).filter(|id| reads.names(id) || reads.names(ANYBODY)),
            role_names: caller.role_names.iter().map(String::as_str).filter(readable("roles")).collect(),
            claimed_teams: claimed_teams.collect(),
            scopes: caller.scopes.iter().map(String::as_str).filter(readable("scopes")).collect(),
            texts: [(a, issuer), (b, subject), (c, client_id), (d, user_id), (e, email), (f, email_domain)]
                .map(text),
            tags: if reads.tags.is_empty() {
                Vec::new()
            } else {
                caller.other_claims(|name| reads.tags.contains(name))
            },
            route: asked.facts.route,
            method: Some(asked.facts.method).filter(|_| reads.value_of("method")),
            models: asked.models.iter().map(|model| model.as_str()).collect(),
        }
    }
}

impl Key<&str> {
    /// Whether it is small enough to be kept.
    pub(super) fn is_small(&self) -> bool {
        let Self { role_names, claimed_teams, scopes, texts, tags, route, method, models, team, id, .. } =
            self;
        let lists = [role_names, claimed_teams, scopes, models].into_iter().flatten();
        let single = texts.iter().chain([id, method]).flatten().chain(team.iter().flatten()).chain([route]);
        let tags = tags.iter().flat_map(|(name, values)| values.iter().copied().chain([name.as_str()]));
        // An empty text takes room too.
        let room = |text: &str| text.len() + size_of::<String>();
        lists.chain(single).copied().chain(tags).map(room).sum::<usize>() <= MOST_BYTES
    }

    /// The same, to keep.
    pub(super) fn to_owned(&self) -> Key<String> {
        let text = |text: &&str| (*text).to_owned();
        let list = |texts: &Vec<&str>| texts.iter().map(text).collect();
        Key {
            roles: self.roles.clone(),
            admin: self.admin,
            master_key: self.master_key,
            overage: self.overage,
            team: self.team.map(|id| id.map(str::to_owned)),
            id: self.id.map(str::to_owned),
            role_names: list(&self.role_names),
            claimed_teams: list(&self.claimed_teams),
            scopes: list(&self.scopes),
            texts: self.texts.map(|text| text.map(str::to_owned)),
            tags: self.tags.iter().map(|(name, values)| (name.clone(), list(values))).collect(),
            route: text(&self.route),
            method: self.method.map(str::to_owned),
            models: list(&self.models),
        }
    }

    /// Whether nothing differs.
    pub(super) fn is(&self, other: &Key<String>) -> bool {
        // Every part by name, so that a new one cannot be left out here.
        #[rustfmt::skip]
        let Key {
            roles, admin, master_key, overage, team, id, role_names, claimed_teams, scopes, texts, tags, route, method, models,
        } = other;
        let is_same = |(ours, theirs): (&Option<&str>, &Option<String>)| *ours == theirs.as_deref();
        self.roles == *roles
            && (self.admin, self.master_key, self.overage) == (*admin, *master_key, *overage)
            && self.team == team.as_ref().map(Option::as_deref).map_err(|rule| *rule)
            && is_same((&self.id, id))
            && self.role_names == *role_names
            && self.claimed_teams == *claimed_teams
            && self.scopes == *scopes
            && self.texts.iter().zip(texts).all(is_same)
            && self.tags.len() == tags.len()
            && self.tags.iter().zip(tags).all(|(ours, theirs)| ours.0 == theirs.0 && ours.1 == theirs.1)
            && self.route == route
            && is_same((&self.method, method))
            && self.models == *models
    }
}
