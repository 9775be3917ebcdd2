//! Everything that formulas about one or two sides share: the classes, the schema, and which requests exist.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{EntityUid, RequestEnv, Schema};

use super::ProveError;
use super::alike::has_same_settings;
use super::candidates::Guide;
use super::classes::{self, Class, methods_that_run_unnamed};
use super::encode::{self, Asks, Claims, Policy, Side, ToldRoutes, World};
use super::formula::{Digest, Formula};
use super::solve::{About, Never, Query, basis};
use super::vocabulary::Vocabulary;
use crate::engine::Snapshot;
use crate::routes::RouteList;

/// The names that formulas may use, for one or two sides.
pub(super) struct Space<'s> {
    pub(super) sides: Vec<Side<'s>>,
    pub(super) policies: Vec<Vec<Policy>>,
    vocabulary: Vocabulary,
    pub(super) models: Vec<Class>,
    pub(super) routes: Vec<Class>,
    /// Whether the sides differ in their policies alone.
    pub(super) is_alike: bool,
}

/// The requests with one model, or without.
pub(super) struct Requests<'s> {
    worlds: Vec<World<'s>>,
    schema: Arc<Schema>,
    basis: Digest,
    /// What stands for the schema, with nothing that is given.
    basis_alone: Digest,
    pub(super) claims: Claims,
    /// The conditions under which a request exists.
    exists: Arc<[Formula]>,
}

/// A space with its requests, which are written once.
pub(super) struct Known<'k> {
    pub(super) space: &'k Space<'k>,
    requests: [OnceCell<Requests<'k>>; 4],
    guides: [OnceCell<Guide<'k>>; 2],
}

impl<'k> Known<'k> {
    pub(super) fn new(space: &'k Space<'k>) -> Self {
        Self { space, requests: Default::default(), guides: Default::default() }
    }

    /// What leads to requests that one of the sides decides in some way.
    pub(super) fn guide(&self, at: usize) -> Result<&Guide<'k>, ProveError> {
        let space = self.space;
        let (Some(place), Some(side), Some(policies)) =
            (self.guides.get(at), space.sides.get(at), space.policies.get(at))
        else {
            return Err(ProveError::Internal("no such side".to_owned()));
        };
        Ok(place.get_or_init(|| Guide::new(side.snapshot, policies, [&space.models, &space.routes])))
    }

    /// The requests that exist.
    pub(super) fn requests(&self, asks: Asks) -> Result<&Requests<'k>, ProveError> {
        let at = usize::from(asks.has_model) * 2 + usize::from(asks.is_narrow);
        let place =
            self.requests.get(at).ok_or_else(|| ProveError::Internal("no such requests".to_owned()))?;
        if let Some(known) = place.get() {
            return Ok(known);
        }
        let written = self.space.requests(asks)?;
        Ok(place.get_or_init(|| written))
    }
}

impl<'s> Space<'s> {
    /// The space of the sides with their policies, and of further policies that formulas use.
    pub(super) fn new(
        sides: Vec<Side<'s>>,
        policies: Vec<Vec<Policy>>,
        further: &[Policy],
    ) -> Result<Self, ProveError> {
        Self::of(sides, policies, further, false)
    }

    /// The space of a side, with each class that its rules tell apart, whatever its lists say.
    pub(super) fn of_rules(side: Side<'s>, policies: Vec<Policy>) -> Result<Self, ProveError> {
        Self::of(vec![side], vec![policies], &[], true)
    }

    fn of(
        sides: Vec<Side<'s>>,
        policies: Vec<Vec<Policy>>,
        further: &[Policy],
        by_rules: bool,
    ) -> Result<Self, ProveError> {
        let mut vocabulary = Vocabulary::default();
        policies.iter().flatten().chain(further).for_each(|policy| vocabulary.add(&policy.json));
        // Whether a request is about an entity of a file decides what its attributes are.
        let described: Vec<_> = sides.iter().flat_map(|side| side.facts().described()).collect();
        described.iter().for_each(|entity| vocabulary.add_described(entity.uid));
        let configs = sides.iter().map(|side| side.snapshot.config());
        let mut models =
            classes::models(configs.clone(), &vocabulary).map_err(|_| ProveError::TooManyNames)?;
        for class in models.iter_mut().filter(|class| !class.is_single) {
            for (side, by_spelling) in sides.iter().zip(&mut class.by_spelling) {
                *by_spelling = side.facts().compares_spelling(&class.witness);
            }
        }
        // What the rules say, where it counts beside what the translation made of them.
        let told_by = configs.clone().filter(|_| by_rules);
        let told = told_by.clone().flat_map(encode::route_lists).map(|list| RouteList::new(list.to_vec()));
        let told: Vec<RouteList> = told.collect();
        let lists = sides.iter().flat_map(|side| side.facts().route_lists()).chain(&told);
        let routes = classes::routes(lists, &vocabulary).map_err(|_| ProveError::TooManyNames)?;
        let names: Vec<&str> =
            configs.clone().flat_map(|config| &config.models).map(|model| model.name.as_str()).collect();
        let model = |class: &Class| {
            let of = |side: &Side<'_>| {
                let facts = side.facts();
                let may_use = facts.teams().map(|team| facts.team_may_use(team.id, &class.witness));
                (above(&vocabulary, side, &facts.model(&class.witness)), may_use.collect::<Vec<_>>())
            };
            let texts = told_apart(&vocabulary, "Model", &["name"], class);
            let spelled = spelled_apart(&sides, class);
            let told: Vec<_> =
                told_by.clone().map(|config| encode::told_models(config, &class.witness)).collect();
            (
                sides.iter().map(of).collect::<Vec<_>>(),
                texts,
                class.witness.is_empty(),
                class.by_spelling,
                spelled,
                told,
            )
        };
        let is_unnamed = |name: &str| names.iter().position(|known| *known == name).unwrap_or(usize::MAX);
        let models = classes::joined(models, model, is_unnamed);
        let told_routes: Vec<ToldRoutes> = told_by.clone().map(ToldRoutes::new).collect();
        let route = |class: &Class| {
            let of = |side: &Side<'_>| {
                let facts = side.facts();
                (above(&vocabulary, side, &facts.route(&class.witness)), facts.is_team_route(&class.witness))
            };
            let texts = told_apart(&vocabulary, "Route", &["path", "route"], class);
            let unnamed = methods_that_run_unnamed(&class.witness);
            let told: Vec<_> = told_routes.iter().map(|told| told.of(&class.witness)).collect();
            (sides.iter().map(of).collect::<Vec<_>>(), texts, unnamed, told)
        };
        let known = |path: &str| (path != "/v1/chat/completions", !path.starts_with("/v1/"), path.len());
        let routes = classes::joined(routes, route, known);
        let is_alike = match &*sides {
            [one, other] => has_same_settings([one.snapshot, other.snapshot]),
            _ => false,
        };
        Ok(Self { sides, policies, vocabulary, models, routes, is_alike })
    }

    /// The requests that exist.
    fn requests(&self, asks: Asks) -> Result<Requests<'_>, ProveError> {
        if let Some(world) = self.world_of_both(asks)? {
            return self.requests_of(vec![world]);
        }
        let mut claims = Claims::default();
        let mut worlds: Vec<World<'_>> = Vec::new();
        for side in &self.sides {
            let world = self.world(*side, claims, asks, self.sides.len() > 1)?;
            claims = world.claims().clone();
            worlds.push(world);
        }
        self.requests_of(worlds)
    }

    fn world<'w>(
        &'w self,
        side: Side<'w>,
        claims: Claims,
        asks: Asks,
        is_exact: bool,
    ) -> Result<World<'w>, ProveError> {
        World::new(side, &self.vocabulary, [&self.models, &self.routes], claims, asks, is_exact)
    }

    /// One world for two sides that differ in their policies alone.
    ///
    /// Both sides then know the same of each request. A list of routes that the policies of one side name is known to that side
    /// alone: then their worlds differ, and each side has its own.
    fn world_of_both(&self, asks: Asks) -> Result<Option<World<'_>>, ProveError> {
        let [first, second] = &*self.sides else { return Ok(None) };
        if !self.is_alike {
            return Ok(None);
        }
        let of = |snapshot: &'s Snapshot| self.world(Side::first(snapshot), Claims::default(), asks, false);
        let (own, other) = (of(first.snapshot)?, of(second.snapshot)?);
        Ok(own.is_same(&other).then_some(own))
    }

    fn requests_of<'w>(&'w self, worlds: Vec<World<'w>>) -> Result<Requests<'w>, ProveError> {
        let claims = worlds.last().map(|world| world.claims().clone()).unwrap_or_default();
        let mut conditions = Vec::new();
        for world in &worlds {
            conditions.extend(world.conditions());
        }
        if let Some(world) = worlds.last() {
            conditions.extend(world.shared());
        }
        if let ([first, _], [_, second]) = (&*worlds, &*self.sides) {
            conditions.extend(first.alike(second));
        }
        let (schema, text) = encode::schema(self.sides.get(..worlds.len()).unwrap_or_default(), &claims)?;
        Ok(Requests {
            worlds,
            schema: Arc::new(schema),
            basis: basis(&text, &conditions),
            basis_alone: basis(&text, &[]),
            claims,
            exists: conditions.into(),
        })
    }
}

impl Requests<'_> {
    /// One of the sides.
    pub(super) fn side(&self, at: usize) -> Result<&World<'_>, ProveError> {
        let at = if self.has_one_world() { 0 } else { at };
        self.worlds.get(at).ok_or_else(|| ProveError::Internal("no such side".to_owned()))
    }

    /// Whether all sides know the same of each request.
    pub(super) fn has_one_world(&self) -> bool {
        self.worlds.len() == 1
    }

    /// Whether a request exists for which a formula is true.
    pub(super) fn is_possible(&self, formula: Formula) -> Result<Query, ProveError> {
        self.query(formula, Never::Matches)
    }

    /// Whether a request exists for which the evaluation of a formula fails.
    pub(super) fn may_fail(&self, formula: Formula) -> Result<Query, ProveError> {
        self.query(formula, Never::Fails)
    }

    /// The same among all requests, also those that do not exist. None of these is none of those, and it is found out faster.
    pub(super) fn is_imaginable(&self, formula: Formula) -> Result<Query, ProveError> {
        let query = self.query(formula, Never::Matches)?;
        Ok(Query { given: Arc::default(), basis: self.basis_alone, ..query })
    }

    fn query(&self, formula: Formula, never: Never) -> Result<Query, ProveError> {
        let internal = |error: &dyn std::fmt::Display| ProveError::Internal(error.to_string());
        let ty = |text: &str| text.parse().map_err(|error| internal(&error));
        let (nobody, action) = encode::request();
        let action = action.parse().map_err(|error| internal(&error))?;
        Ok(Query {
            never,
            about: About::Formula(formula),
            given: self.exists.clone(),
            schema: self.schema.clone(),
            basis: self.basis,
            environment: RequestEnv::new(ty(&nobody)?, action, ty(&nobody)?),
        })
    }
}

/// The entities above a name that formulas ask about.
fn above(vocabulary: &Vocabulary, side: &Side<'_>, uid: &EntityUid) -> BTreeSet<(String, String)> {
    let facts = side.facts();
    let own: BTreeSet<&str> = facts
        .routes_of_roles()
        .map(|(id, _)| id)
        .chain(facts.routes_of_token_roles().map(|(id, _)| id))
        .chain(facts.scopes())
        .chain(facts.teams().map(|team| team.id))
        .collect();
    let all = facts.above(uid);
    let all = all.iter().map(|uid| (uid.type_name().to_string(), uid.id().unescaped().to_owned()));
    all.filter(|pair| vocabulary.entities.contains(pair) || own.contains(pair.1.as_str())).collect()
}

/// What tells classes apart whose members lists of denied models compare by their spelling.
fn spelled_apart<'s>(sides: &[Side<'s>], class: &Class) -> Vec<(bool, Vec<&'s str>, Vec<bool>)> {
    let name = &class.witness;
    let spelled = sides.iter().zip(class.by_spelling).filter(|(_, by_spelling)| *by_spelling);
    let spelled = spelled.map(|(side, _)| {
        let facts = side.facts();
        let as_written = facts.denied_lists().filter(|(_, list)| list.contains_model(name)).map(|(id, _)| id);
        let alike = sides.iter().map(|other| facts.resolves_like(other.facts(), name));
        (name.contains(','), as_written.collect(), alike.collect())
    });
    spelled.collect()
}

/// What policies can tell of a name as a text.
fn told_apart(
    vocabulary: &Vocabulary,
    ty: &str,
    attributes: &[&str],
    class: &Class,
) -> (Option<String>, Vec<bool>) {
    let is_named = vocabulary.entities.contains(&(ty.to_owned(), class.witness.clone()));
    if !attributes.iter().any(|attribute| vocabulary.reads(attribute)) {
        return (Some(class.witness.clone()).filter(|_| is_named && class.is_single), Vec::new());
    }
    let is_named = is_named || vocabulary.texts.contains(&class.witness);
    let likes = vocabulary.likes.iter().map(|like| encode::is_like(like, &class.witness));
    (Some(class.witness.clone()).filter(|_| is_named && class.is_single), likes.collect())
}
