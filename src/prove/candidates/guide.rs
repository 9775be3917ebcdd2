//! The rules that a search for a request is about, and the models and paths that its requests may have.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cedar_policy::{Effect, EntityUid};
use serde_json::{Map, Value};

use crate::engine::Snapshot;
use crate::engine::proof::ProofFacts;
use crate::prove::classes::Class;
use crate::prove::encode::{Policy, Question};
use crate::prove::scenario::Scenario;
use crate::request::ModelUse;

/// Monday, 5 January 2026, at noon.
const NOON: u64 = 1_767_614_400;

/// The rules of one side, and the names that its requests may have.
#[derive(Clone, Debug)]
pub(in crate::prove) struct Guide<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) models: Arc<[Name]>,
    pub(super) routes: Arc<[Name]>,
    pub(super) rules: Vec<Rule>,
}

/// A policy with its whole condition.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) effect: Effect,
    pub(super) condition: Value,
    pub(super) is_about: [bool; 2],
}

impl Rule {
    fn new(policy: &Policy) -> Self {
        Self {
            id: policy.id.clone(),
            effect: policy.effect,
            condition: policy.whole_condition(),
            is_about: Question::ALL.map(|question| policy.is_about(question)),
        }
    }

    pub(super) fn is_about(&self, question: Question) -> bool {
        let [route, model] = self.is_about;
        if question == Question::Route { route } else { model }
    }
}

impl<'s> Guide<'s> {
    /// A guide to requests that these policies decide.
    pub(in crate::prove) fn new(
        snapshot: &'s Snapshot,
        policies: &[Policy],
        [models, routes]: [&[Class]; 2],
    ) -> Self {
        let facts = ProofFacts(snapshot);
        Self {
            snapshot,
            models: models_of(facts, models).into(),
            routes: routes_of(facts, routes).into(),
            rules: policies.iter().map(Rule::new).collect(),
        }
    }

    /// The same for rules with a further policy.
    pub(in crate::prove) fn with<'m>(&self, snapshot: &'m Snapshot, policy: &Policy) -> Guide<'m> {
        let rules = self.rules.iter().cloned().chain([Rule::new(policy)]).collect();
        Guide { snapshot, models: self.models.clone(), routes: self.routes.clone(), rules }
    }

    pub(super) fn facts(&self) -> ProofFacts<'s> {
        ProofFacts(self.snapshot)
    }

    pub(super) fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// A request that says nothing in particular.
    pub(super) fn plain(&self, has_model: bool) -> Scenario {
        let served = self.snapshot.config().models.first().map(|model| model.name.as_str().to_owned());
        let known = || self.models.first().map(|name| name.text.clone());
        let (method, path) = if has_model { ("POST", "/v1/chat/completions") } else { ("GET", "/v1/models") };
        Scenario {
            claims: Some(self.token()),
            team_header: None,
            method: method.to_owned(),
            path: path.to_owned(),
            model: if has_model { served.or_else(known) } else { None },
            model_use: ModelUse::default(),
            body_bytes: 0,
            time: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(NOON)),
            source: None,
        }
    }

    /// The claims of a token that the rules accept.
    pub(super) fn token(&self) -> Map<String, Value> {
        let jwt = self.snapshot.config().jwt.as_ref();
        let issuers = jwt
            .into_iter()
            .flat_map(|jwt| jwt.tokens.issuers.iter().map(|entry| &entry.issuer).chain(&jwt.tokens.issuer));
        issuers.take(1).map(|issuer| ("iss".to_owned(), issuer.as_str().into())).collect()
    }
}

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
fn models_of(facts: ProofFacts<'_>, classes: &[Class]) -> Vec<Name> {
    let named = classes.iter().map(|class| class.witness.as_str()).filter(|name| !name.is_empty());
    let mut all: Vec<Name> = named.map(|name| Name::new(facts, name, &facts.model(name))).collect();
    all.sort_by_key(|name| name.above.len());
    all
}

/// Every class of paths by one path, the known ones first.
fn routes_of(facts: ProofFacts<'_>, classes: &[Class]) -> Vec<Name> {
    let paths = classes.iter().map(|class| class.witness.as_str());
    let mut all: Vec<&str> = paths.filter(|path| !PATHS.contains(path)).collect();
    all.sort_by_key(|path| path.len());
    let all = PATHS.into_iter().chain(all);
    all.map(|path| Name::new(facts, path, &facts.route(path))).collect()
}
