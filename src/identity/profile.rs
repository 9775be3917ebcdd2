//! The part of a caller that policies can read. The engine computes it, and the caller keeps it for its next request.

use crate::names::Role;

/// Everything that a snapshot's policies can distinguish about a caller, for any request.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Profile {
    pub(crate) roles: Vec<Role>,
    pub(crate) admin: bool,
    pub(crate) master_key: bool,
    /// Whether the identity provider left out a claim.
    pub(crate) overage: bool,
    /// The id of the caller's entity, if a policy or a file names it.
    pub(crate) id: Option<String>,
    pub(crate) role_names: Vec<String>,
    pub(crate) claimed_teams: Vec<String>,
    pub(crate) scopes: Vec<String>,
    /// The texts in the order of [`TEXTS`]. A text that policies only test for is empty.
    pub(crate) texts: [Option<String>; TEXTS.len()],
    pub(crate) tags: Vec<(String, Vec<String>)>,
}

/// The caller's attributes that are a single text.
pub(crate) const TEXTS: [&str; 6] = ["issuer", "subject", "client_id", "user_id", "email", "email_domain"];

impl Profile {
    /// All texts of the profile.
    pub(crate) fn all_texts(&self) -> impl Iterator<Item = &str> {
        let Self { id, role_names, claimed_teams, scopes, texts, tags, .. } = self;
        let lists = [role_names, claimed_teams, scopes].into_iter().flatten();
        let tags = tags.iter().flat_map(|(name, values)| values.iter().chain([name]));
        lists.chain(texts.iter().chain([id]).flatten()).chain(tags).map(String::as_str)
    }
}
