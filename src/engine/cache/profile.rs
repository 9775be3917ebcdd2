//! The part of a caller that policies can read.

use crate::engine::policy::reads::Reads;
use crate::engine::teams::TeamDirectory;
use crate::identity::{Caller, Profile, TEXTS};

/// The id of a caller that no policy and no file names. A token without issuer and subject has this id.
pub(in crate::engine) const ANYBODY: &str = "#";

impl Profile {
    /// Collects everything about a caller that policies with these reads can distinguish.
    pub(in crate::engine) fn new(reads: &Reads, teams: &TeamDirectory, caller: &Caller) -> Self {
        let readable = |list: &'static str| {
            let all = reads.value_of(list);
            move |name: &&str| all || reads.names(name)
        };
        let listed = |list: &'static str, names: &[String]| {
            names.iter().map(String::as_str).filter(readable(list)).map(str::to_owned).collect()
        };
        let organization = |team: &str| teams.get(team)?.organization.as_deref();
        let is_in_a_named_one = |team: &&str| organization(team).is_some_and(|id| reads.names(id));
        let is_readable = readable("teams");
        let claimed_teams =
            caller.claimed_teams().filter(|team| is_readable(team) || is_in_a_named_one(team));
        let texts = [
            caller.membership.issuer.as_deref(),
            caller.subject.as_deref(),
            caller.membership.client_id.as_deref(),
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
            roles: caller.membership.roles.clone(),
            admin: caller.membership.admin,
            master_key: caller.membership.master_key,
            // If policies read claims that were not kept, their denials must not be lost.
            overage: caller.membership.left_out.is_some() || (!reads.tags.is_empty() && !caller.has_claims()),
            id,
            role_names: listed("roles", &caller.membership.role_names),
            claimed_teams: claimed_teams.map(str::to_owned).collect(),
            scopes: listed("scopes", &caller.membership.scopes),
            texts: [(a, issuer), (b, subject), (c, client_id), (d, user_id), (e, email), (f, email_domain)]
                .map(text),
            tags: tags.into_iter().map(owned).collect(),
        }
    }
}
