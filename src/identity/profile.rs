//! What policies can read of a caller. The engine works it out; a caller keeps it for its next request.

use crate::names::Role;

/// Everything that the policies of a snapshot can tell apart about a caller, whatever it asks for.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Profile {
    pub(crate) roles: Vec<Role>,
    pub(crate) admin: bool,
    pub(crate) master_key: bool,
    /// The identity provider left out a claim.
    pub(crate) overage: bool,
    /// The name of the caller's entity, if it is one that is named somewhere.
    pub(crate) id: Option<String>,
    pub(crate) role_names: Vec<String>,
    pub(crate) claimed_teams: Vec<String>,
    pub(crate) scopes: Vec<String>,
    /// In the order of [`TEXTS`]; the empty text where policies only ask whether there is one.
    pub(crate) texts: [Option<String>; TEXTS.len()],
    pub(crate) tags: Vec<(String, Vec<String>)>,
}

/// The caller's attributes of one text.
pub(crate) const TEXTS: [&str; 6] = ["issuer", "subject", "client_id", "user_id", "email", "email_domain"];

impl Profile {
    /// All texts in it.
    pub(crate) fn all_texts(&self) -> impl Iterator<Item = &str> {
        let Self { id, role_names, claimed_teams, scopes, texts, tags, .. } = self;
        let lists = [role_names, claimed_teams, scopes].into_iter().flatten();
        let tags = tags.iter().flat_map(|(name, values)| values.iter().chain([name]));
        lists.chain(texts.iter().chain([id]).flatten()).chain(tags).map(String::as_str)
    }
}
