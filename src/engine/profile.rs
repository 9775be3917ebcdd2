//! What policies can read of a caller.

use std::sync::Arc;

use super::Snapshot;
use super::entities::ANYBODY;
use crate::identity::Caller;
use crate::memo::Hashed;
use crate::names::Role;

/// Everything that the policies of a snapshot can tell apart about a caller, whatever it asks for.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Profile {
    pub(super) roles: Vec<Role>,
    pub(super) admin: bool,
    pub(super) master_key: bool,
    /// The identity provider left out a claim.
    pub(super) overage: bool,
    /// The name of the caller's entity, if it is one that is named somewhere.
    pub(super) id: Option<String>,
    pub(super) role_names: Vec<String>,
    pub(super) claimed_teams: Vec<String>,
    pub(super) scopes: Vec<String>,
    /// In the order of [`TEXTS`]; the empty text where policies only ask whether there is one.
    pub(super) texts: [Option<String>; TEXTS.len()],
    pub(super) tags: Vec<(String, Vec<String>)>,
}

/// The caller's attributes of one text.
pub(super) const TEXTS: [&str; 6] = ["issuer", "subject", "client_id", "user_id", "email", "email_domain"];

impl Profile {
    fn new(snapshot: &Snapshot, caller: &Caller) -> Self {
        let reads = &snapshot.reads;
        let readable = |list: &'static str| {
            let all = reads.value_of(list);
            move |name: &&str| all || reads.names(name)
        };
        let listed = |list: &'static str, names: &[String]| {
            names.iter().map(String::as_str).filter(readable(list)).map(str::to_owned).collect()
        };
        let organization = |team: &str| snapshot.teams.get(team)?.organization.as_deref();
        let is_in_a_named_one = |team: &&str| organization(team).is_some_and(|id| reads.names(id));
        let is_readable = readable("teams");
        let claimed_teams =
            caller.claimed_teams().filter(|team| is_readable(team) || is_in_a_named_one(team));
        let texts = [
            caller.issuer.as_deref(),
            caller.subject.as_deref(),
            caller.client_id.as_deref(),
            caller.user_id(),
            caller.email.as_deref(),
            caller.email_domain(),
        ];
        let text = |(name, text): (&str, Option<&str>)| {
            let value = |text: &str| if reads.value_of(name) { text.to_owned() } else { String::new() };
            text.filter(|_| reads.attribute(name)).map(value)
        };
        let [issuer, subject, client_id, user_id, email, email_domain] = texts;
        let [a, b, c, d, e, f] = TEXTS;
        let id = Some(caller.entity_id()).filter(|id| reads.names(id) || reads.names(ANYBODY));
        let tags = if reads.tags.is_empty() {
            Vec::new()
        } else {
            caller.other_claims(|name| reads.tags.contains(name))
        };
        let owned = |(name, texts): (_, Vec<&str>)| (name, texts.into_iter().map(str::to_owned).collect());
        Self {
            roles: caller.roles.clone(),
            admin: caller.admin,
            master_key: caller.master_key,
            overage: caller.left_out.is_some(),
            id,
            role_names: listed("roles", &caller.role_names),
            claimed_teams: claimed_teams.map(str::to_owned).collect(),
            scopes: listed("scopes", &caller.scopes),
            texts: [(a, issuer), (b, subject), (c, client_id), (d, user_id), (e, email), (f, email_domain)]
                .map(text),
            tags: tags.into_iter().map(owned).collect(),
        }
    }

    /// All texts in it.
    pub(super) fn all_texts(&self) -> impl Iterator<Item = &str> {
        let Self { id, role_names, claimed_teams, scopes, texts, tags, .. } = self;
        let lists = [role_names, claimed_teams, scopes].into_iter().flatten();
        let tags = tags.iter().flat_map(|(name, values)| values.iter().chain([name]));
        lists.chain(texts.iter().chain([id]).flatten()).chain(tags).map(String::as_str)
    }
}

impl Snapshot {
    /// What can be read of a caller: the same for all of its requests, so that it is worked out for the first.
    pub(super) fn profile(&self, caller: &Caller) -> Arc<Hashed<Profile>> {
        let anew = || Arc::new(self.answers.hashed(Profile::new(self, caller)));
        match caller.profile.or_keep(|| (self.generation(), anew())) {
            (generation, profile) if *generation == self.generation() => Arc::clone(profile),
            // Other rules asked first, whose policies read other things.
            _ => anew(),
        }
    }
}
