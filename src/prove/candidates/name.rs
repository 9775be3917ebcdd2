//! The models and paths that a request may have, with every list and group above them.

use std::collections::BTreeSet;

use cedar_policy::EntityUid;

use crate::engine::proof::ProofFacts;
use crate::prove::classes::Class;

/// Paths that operators know, for a request with a model and for one without.
const PATHS: [&str; 6] =
    ["/v1/chat/completions", "/v1/embeddings", "/v1/responses", "/v1/models", "/v1/files", "/key/generate"];

/// A model or a path, with every list and group above it.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) text: String,
    above: BTreeSet<(String, String)>,
}

impl Name {
    pub(super) fn new(facts: ProofFacts<'_>, text: &str, uid: &EntityUid) -> Self {
        let above = facts.above(uid).into_iter();
        let above = above.map(|uid| (uid.type_name().to_string(), uid.id().unescaped().to_owned()));
        Self { text: text.to_owned(), above: above.collect() }
    }

    /// Whether it is in a list or group.
    pub(super) fn is_in(&self, ty: &str, id: &str) -> bool {
        self.above.contains(&(ty.to_owned(), id.to_owned()))
    }

    /// The lists and groups that have it.
    pub(super) fn lists(&self) -> &BTreeSet<(String, String)> {
        &self.above
    }
}

/// Every class of models by one name. Those in few lists come first, because fewer rules decide about them.
pub(super) fn models(facts: ProofFacts<'_>, classes: &[Class]) -> Vec<Name> {
    let named = classes.iter().map(|class| class.witness.as_str()).filter(|name| !name.is_empty());
    let mut all: Vec<Name> = named.map(|name| Name::new(facts, name, &facts.model(name))).collect();
    all.sort_by_key(|name| name.above.len());
    all
}

/// Every class of paths by one path, the known ones first.
pub(super) fn routes(facts: ProofFacts<'_>, classes: &[Class]) -> Vec<Name> {
    let paths = classes.iter().map(|class| class.witness.as_str());
    let mut all: Vec<&str> = paths.filter(|path| !PATHS.contains(path)).collect();
    all.sort_by_key(|path| path.len());
    let all = PATHS.into_iter().chain(all);
    all.map(|path| Name::new(facts, path, &facts.route(path))).collect()
}
