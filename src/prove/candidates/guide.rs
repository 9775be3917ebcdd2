//! The rules that a search for a request is about, and the models and paths that its requests may have.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cedar_policy::{Effect, EntityId, EntityTypeName, EntityUid};
use serde_json::{Map, Value};

use crate::engine::Snapshot;
use crate::engine::proof::ProofFacts;
use crate::names::Role;
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
    pub(super) models: Arc<Names>,
    pub(super) routes: Arc<Names>,
    /// The entities in which a token places its caller, below each entity.
    pub(super) below: Arc<Below>,
    pub(super) rules: Vec<Rule>,
}

/// Entities, as type and id, by an entity above them.
pub(super) type Below = BTreeMap<(String, String), Vec<(String, String)>>;

/// A policy with its whole condition.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) effect: Effect,
    pub(super) condition: Value,
    /// What stands for all that it says.
    pub(super) text: String,
    is_about: [bool; 2],
}

impl Rule {
    fn new(policy: &Policy) -> Self {
        let (effect, condition) = (policy.effect, policy.whole_condition());
        let is_about = Question::ALL.map(|question| policy.is_about(question));
        let text = format!("{effect:?} {is_about:?} {condition}");
        Self { id: policy.id.clone(), effect, condition, text, is_about }
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
            models: Arc::new(Names::new(models_of(facts, models))),
            routes: Arc::new(Names::new(routes_of(facts, routes))),
            below: Arc::new(below(facts)),
            rules: policies.iter().map(Rule::new).collect(),
        }
    }

    /// The same for rules with a further policy.
    pub(in crate::prove) fn with<'m>(&self, snapshot: &'m Snapshot, policy: &Policy) -> Guide<'m> {
        let rules = self.rules.iter().cloned().chain([Rule::new(policy)]).collect();
        let (models, routes, below) = (self.models.clone(), self.routes.clone(), self.below.clone());
        Guide { snapshot, models, routes, below, rules }
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
        let known = || self.models.all.first().map(|name| name.text.clone());
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

/// Models or paths, which are found by their text.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) all: Vec<Name>,
    places: HashMap<String, usize>,
}

impl Names {
    fn new(all: Vec<Name>) -> Self {
        let places = all.iter().enumerate().map(|(at, name)| (name.text.clone(), at)).collect();
        Self { all, places }
    }

    pub(super) fn find(&self, text: &str) -> Option<&Name> {
        self.all.get(*self.places.get(text)?)
    }
}

/// The roles and teams in which a token places its caller, below each entity above them.
fn below(facts: ProofFacts<'_>) -> Below {
    let of = |ty: &'static str| move |id: &str| (ty.to_owned(), id.to_owned());
    let mut known: Vec<(String, String)> = Role::ALL.iter().map(|role| of("Role")(role.as_str())).collect();
    known.extend(facts.token_roles().map(of("TokenRole")));
    known.extend(facts.teams().map(|team| of("Team")(team.id)));
    let mut all = Below::new();
    for (ty, id) in known {
        let Ok(name) = ty.parse::<EntityTypeName>() else { continue };
        for above in facts.above(&EntityUid::from_type_name_and_id(name, EntityId::new(&id))) {
            let above = (above.type_name().to_string(), above.id().unescaped().to_owned());
            all.entry(above).or_default().push((ty.clone(), id.clone()));
        }
    }
    all
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
