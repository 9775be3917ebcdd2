//! The requests that exist, as conditions.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::Effect;
use serde_json::Value;

use super::claims::{Claims, Reading};
use super::policy::{Policy, Question};
use super::selection::Selection;
use super::side::Side;
use super::text::{and, or, parse, quoted, same, when};
use crate::prove::ProveError;
use crate::prove::classes::{Class, methods_that_run_unnamed};
use crate::prove::formula::{Digest, Formula, all, any, not};
use crate::prove::vocabulary::{Comparison, Vocabulary};

/// What formulas ask about: a request with one model, or one without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::prove) struct Asks {
    pub(in crate::prove) has_model: bool,
    /// Leave out names that only a reading of a denied name finds, and other requests that are hard to find.
    pub(in crate::prove) is_narrow: bool,
}

/// Collects the conditions under which a request is possible for one side.
pub(in crate::prove) struct World<'w> {
    pub(super) side: Side<'w>,
    pub(super) vocabulary: &'w Vocabulary,
    pub(super) models: &'w [Class],
    pub(super) routes: &'w [Class],
    pub(super) claims: Claims,
    pub(super) has_model: bool,
    pub(super) is_narrow: bool,
    /// Whether R6.4 selects the first team alone.
    pub(super) is_exact: bool,
    pub(super) selection: Selection,
    /// The types above each type.
    pub(super) ancestors: BTreeMap<String, BTreeSet<String>>,
    /// The entities that a token may place a caller in, below each entity.
    pub(super) below: BTreeMap<(String, String), BTreeSet<(String, String)>>,
    /// What comparisons of the caller (`None`) or of a resource with an entity mean.
    meanings: BTreeMap<(Option<Question>, Comparison, String, String), String>,
    pub(super) required: Vec<String>,
    pub(super) formulas: Vec<Value>,
    /// The conditions of policies, each written once.
    known: RefCell<HashMap<(Digest, Question), Formula>>,
}

impl<'w> World<'w> {
    pub(in crate::prove) fn new(
        side: Side<'w>,
        vocabulary: &'w Vocabulary,
        [models, routes]: [&'w [Class]; 2],
        claims: Claims,
        asks: Asks,
        is_exact: bool,
    ) -> Result<Self, ProveError> {
        let ancestors = ancestors(side.facts().schema_json());
        let mut world = Self {
            side,
            vocabulary,
            models,
            routes,
            claims,
            has_model: asks.has_model,
            is_narrow: asks.is_narrow,
            is_exact,
            selection: Selection::default(),
            ancestors,
            below: BTreeMap::new(),
            meanings: BTreeMap::new(),
            required: Vec::new(),
            formulas: Vec::new(),
            known: RefCell::default(),
        };
        world.find_hierarchy();
        world.add_team();
        world.add_caller();
        world.add_hierarchy();
        world.add_resources();
        world.add_described()?;
        Ok(world)
    }

    pub(super) fn require(&mut self, condition: String) {
        if condition != "true" {
            self.required.push(condition);
        }
    }

    /// A comparison of the caller (`None`) or of a resource with an entity means a condition. Policies that make it have the
    /// condition in its place. The others need the comparison itself.
    pub(super) fn define(
        &mut self,
        resource: Option<Question>,
        comparison: Comparison,
        [ty, id]: [&str; 2],
        meaning: String,
    ) {
        let entity = (ty.to_owned(), id.to_owned());
        if self.vocabulary.compared_otherwise.contains(&entity) {
            let variable = match resource {
                None => self.side.caller(),
                Some(Question::Model) => self.side.model(),
                Some(Question::Route) => self.side.route(),
            };
            let operator = if comparison == Comparison::Is { "==" } else { "in" };
            self.require(same(&format!("({variable} {operator} {})", self.side.entity(ty, id)), &meaning));
        }
        self.meanings.insert((resource, comparison, entity.0, entity.1), meaning);
    }

    /// The condition under which the model is in an entity that a policy names.
    pub(super) fn model_in(&self, ty: &str, id: &str) -> String {
        let place = (Some(Question::Model), Comparison::In, ty.to_owned(), id.to_owned());
        let written = || format!("({} in {})", self.side.model(), self.side.entity(ty, id));
        self.meanings.get(&place).cloned().unwrap_or_else(written)
    }

    /// The variables of the claims.
    pub(in crate::prove) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether both say the same of every request, in the same words.
    pub(in crate::prove) fn is_same(&self, other: &World<'_>) -> bool {
        (self.side.namespace, &self.required, &self.formulas, &self.meanings)
            == (other.side.namespace, &other.required, &other.formulas, &other.meanings)
    }

    /// Every condition.
    pub(in crate::prove) fn conditions(&self) -> impl Iterator<Item = Formula> {
        let texts = self.required.iter().map(|text| Formula::text(text.clone()));
        texts.chain(self.formulas.iter().map(|condition| Formula::is(condition.clone())))
    }

    /// The conditions that both sides share: the request itself.
    pub(in crate::prove) fn shared(&self) -> Vec<Formula> {
        let (models, routes) = (self.models.len(), self.routes.len());
        let days =
            super::text::list(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]);
        let mut texts = vec![
            format!("context.mc >= 0 && context.mc < {models} && context.rc >= 0 && context.rc < {routes}"),
            "context.cr.time == context.um.time && context.cr.weekday == context.um.weekday".to_owned(),
            "context.cr.method == context.um.method && context.cr.route == context.um.route".to_owned(),
            "context.cr.body_bytes == context.um.body_bytes && context.cr.body_bytes >= 0".to_owned(),
            "(context.cr has source) == (context.um has source)".to_owned(),
            when("context.cr has source && context.um has source", "context.cr.source == context.um.source"),
            format!("{days}.contains(context.cr.weekday)"),
            "context.um.tools >= 0 && context.um.tools <= 1000000000".to_owned(),
            "context.cr.body_bytes <= 1000000000000".to_owned(),
            "context.cr.time >= datetime(\"1970-01-01\") && context.cr.time < datetime(\"2200-01-01\")"
                .to_owned(),
        ];
        // A request may name no model, and then some routes run one.
        let some = |path: &str, runs: bool| methods_that_run_unnamed(path).contains(&runs);
        let unnamed = self.models_where(|_, model| model.is_empty());
        texts.push(match self.has_model {
            true => format!("!({unnamed}) || {}", self.routes_where(|_, path| some(path, true))),
            false => self.routes_where(|_, path| some(path, false)),
        });
        // The claims `iss` and `sub` have variables of their own.
        for (reading, name, path) in self.claims.all() {
            let own = path.as_str();
            if reading == super::claims::Reading::Scalar && ["iss", "sub"].contains(&own) {
                texts.push(format!("(context.c has {own}) == (context.c has {name})"));
                texts.push(when(
                    &format!("context.c has {own} && context.c has {name}"),
                    &format!("context.c.{own} == context.c.{name}"),
                ));
            }
            if reading == super::claims::Reading::Scalar {
                texts.push(when(&format!("context.c has {name}"), &format!("context.c.{name} != \"\"")));
            }
        }
        texts.into_iter().map(Formula::text).collect()
    }

    /// What both sides decide alike: the attributes and tags that they read from the token, and the spellings of denied
    /// models.
    pub(in crate::prove) fn alike(&self, other: &Side<'_>) -> Vec<Formula> {
        let (own, other_caller) = (self.side.caller(), other.caller());
        let mut texts = vec![
            format!("{}.name == {}.name", self.side.model(), other.model()),
            format!("{}.path == {}.path", self.side.route(), other.route()),
            format!("({own} has client_id) == ({other_caller} has client_id)"),
            when(
                &format!("{own} has client_id && {other_caller} has client_id"),
                &format!("{own}.client_id == {other_caller}.client_id"),
            ),
        ];
        texts.extend(self.like_spellings(other));
        for tag in &self.vocabulary.tags {
            let tag = super::text::quoted(tag);
            texts.push(format!("{own}.hasTag({tag}) == {other_caller}.hasTag({tag})"));
            texts.push(when(
                &format!("{own}.hasTag({tag}) && {other_caller}.hasTag({tag})"),
                &format!("{own}.getTag({tag}) == {other_caller}.getTag({tag})"),
            ));
        }
        texts.into_iter().map(Formula::text).collect()
    }

    /// Whether a policy matches.
    pub(in crate::prove) fn condition(&self, policy: &Policy, question: Question) -> Formula {
        let mut known = self.known.borrow_mut();
        let meant = |resource: Option<Question>, comparison: Comparison, ty: &str, id: &str| {
            let meaning = self.meanings.get(&(resource, comparison, ty.to_owned(), id.to_owned()))?;
            parse(meaning).ok()
        };
        let written = || policy.condition(&self.side, question, &meant).map_or_else(|| any(&[]), Formula::is);
        known.entry((policy.digest, question)).or_insert_with(written).clone()
    }

    /// Whether these policies answer a question with yes.
    pub(in crate::prove) fn permits(&self, policies: &[Policy], question: Question) -> Formula {
        let of = |effect: Effect| {
            let own = policies.iter().filter(|policy| policy.effect == effect);
            let own = own.filter(|policy| policy.is_about(question));
            any(&own.map(|policy| self.condition(policy, question)).collect::<Vec<_>>())
        };
        all(&[of(Effect::Permit), not(of(Effect::Forbid))])
    }

    /// The request has nothing unusual, so that it is short in words.
    pub(in crate::prove) fn plain(&self) -> Result<Formula, ProveError> {
        let text = "!context.c.overage && !context.c.odd_team && !(context.c has header) \
                    && context.um.tools == 0 && !context.um.images && !context.um.audio \
                    && !(context.um has n) && !(context.um has max_tokens) && !(context.um has temperature) \
                    && context.cr.body_bytes == 0 && !(context.cr has source) && context.cr.weekday == \"monday\" \
                    && context.cr.time == datetime(\"2026-01-05T12:00:00Z\")";
        Ok(Formula::is(parse(text)?))
    }

    /// Each claim with names has one name that the configuration has, or none.
    pub(in crate::prove) fn with_one_name(&self) -> Result<Formula, ProveError> {
        let facts = self.side.facts();
        let jwt = self.side.snapshot.config().jwt.iter();
        let of_users = jwt.clone().flat_map(|jwt| jwt.user_allowed_roles.iter().map(String::as_str));
        let mapped = jwt.flat_map(|jwt| jwt.role_mappings.iter().map(|mapping| mapping.role.as_str()));
        let names: BTreeSet<&str> = of_users
            .chain(mapped)
            .chain(facts.token_roles())
            .chain(facts.scopes())
            .chain(facts.teams().map(|team| team.id))
            .collect();
        let of_lists = self.claims.all().filter(|(reading, ..)| *reading == Reading::Names);
        let claims = of_lists.map(|(_, variable, _)| variable).chain(["scopes"]);
        let has_one = |claim: &str| {
            or(names.iter().map(|name| format!("[{}].containsAll(context.c.{claim})", quoted(name))))
        };
        Ok(Formula::is(parse(&and(claims.map(has_one)))?))
    }

    /// Whether these policies allow the request as a whole.
    pub(in crate::prove) fn allows(&self, policies: &[Policy]) -> Result<Formula, ProveError> {
        let mut questions = vec![self.accepts()?, self.permits(policies, Question::Route)];
        questions.extend(self.has_model.then(|| self.permits(policies, Question::Model)));
        Ok(all(&questions))
    }
}

/// The types above each type of a schema, directly or not.
fn ancestors(schema: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut parents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (namespace, declared) in schema.as_object().into_iter().flatten() {
        let qualified = |name: &str| match namespace.as_str() {
            "" => name.to_owned(),
            namespace => format!("{namespace}::{name}"),
        };
        let types = declared.get("entityTypes").and_then(Value::as_object);
        for (name, ty) in types.into_iter().flatten() {
            let above = ty.get("memberOfTypes").and_then(Value::as_array).into_iter().flatten();
            let above =
                above.filter_map(Value::as_str).flat_map(|above| [above.to_owned(), qualified(above)]);
            parents.insert(qualified(name), above.collect());
        }
    }
    let mut all = parents.clone();
    loop {
        let grown: BTreeMap<String, BTreeSet<String>> = all
            .iter()
            .map(|(ty, above)| {
                let more = above.iter().filter_map(|ty| parents.get(ty)).flatten();
                (ty.clone(), above.iter().chain(more).cloned().collect())
            })
            .collect();
        if grown == all {
            return all;
        }
        all = grown;
    }
}
