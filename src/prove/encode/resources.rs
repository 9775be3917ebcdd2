//! The lists and groups of models and routes, as conditions of their classes.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::proof::ProofFacts;
use crate::translate::DeniedModels;

use super::policy::Question;
use super::text::{or, quoted, same, when};
use super::world::World;
use crate::prove::classes::Class;
use crate::prove::vocabulary::Comparison;

/// A variable is the number of one of these classes.
pub(super) fn one_of(variable: &str, classes: &[usize], of: usize) -> String {
    if classes.len() == of {
        return "true".to_owned();
    }
    if classes.len() > of / 2 {
        let others: Vec<usize> = (0..of).filter(|class| !classes.contains(class)).collect();
        return format!("!{}", ranges(variable, &others));
    }
    if classes.is_empty() { "false".to_owned() } else { ranges(variable, classes) }
}

fn ranges(variable: &str, classes: &[usize]) -> String {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for class in classes {
        match found.last_mut() {
            Some((_, end)) if *end + 1 == *class => *end = *class,
            _ => found.push((*class, *class)),
        }
    }
    let each = found.into_iter().map(|(first, last)| match first == last {
        true => format!("{variable} == {first}"),
        false => format!("({variable} >= {first} && {variable} <= {last})"),
    });
    format!("({})", or(each))
}

impl World<'_> {
    /// The classes of models for which this holds.
    pub(super) fn models_where(&self, holds: impl Fn(ProofFacts<'_>, &str) -> bool) -> String {
        self.classes_where("context.mc", self.models, |witness| holds(self.side.facts(), witness))
    }

    /// The classes of paths for which this holds.
    pub(super) fn routes_where(&self, holds: impl Fn(ProofFacts<'_>, &str) -> bool) -> String {
        self.classes_where("context.rc", self.routes, |witness| holds(self.side.facts(), witness))
    }

    fn classes_where(&self, variable: &str, classes: &[Class], holds: impl Fn(&str) -> bool) -> String {
        let numbered = classes.iter().enumerate();
        let found: Vec<usize> =
            numbered.filter(|(_, class)| holds(&class.witness)).map(|(at, _)| at).collect();
        one_of(variable, &found, classes.len())
    }

    /// The lists and groups above models and routes.
    pub(super) fn add_resources(&mut self) {
        let facts = self.side.facts();
        let (model, route) = (self.side.model(), self.side.route());
        let above_models = self.above("Model", |witness| facts.model(witness), self.models);
        let above_routes = self.above("Route", |witness| facts.route(witness), self.routes);
        let denied: BTreeMap<&str, &DeniedModels> = facts.denied_lists().collect();
        for (ty, id) in self.vocabulary.entities.clone() {
            for (question, own, above, variable, classes) in [
                (Question::Model, "Model", &above_models, "context.mc", self.models),
                (Question::Route, "Route", &above_routes, "context.rc", self.routes),
            ] {
                if ty == own {
                    let is = |class: &Class| class.is_single && class.witness == id;
                    let found = classes.iter().enumerate().filter(|(_, class)| is(class)).map(|(at, _)| at);
                    let is = one_of(variable, &found.collect::<Vec<_>>(), classes.len());
                    self.define(Some(question), Comparison::Is, [&ty, &id], is);
                }
                if !self.is_above(own, &ty) {
                    continue;
                }
                let found = above.get(&(ty.clone(), id.clone())).cloned().unwrap_or_default();
                let has = one_of(variable, &found, classes.len());
                let denied = denied.get(id.as_str()).filter(|_| ty == "ModelSet" && !self.is_narrow);
                if let Some(open) = denied.and_then(|list| self.spelled_otherwise(list)) {
                    let is_in = format!("({model} in {})", self.side.entity(&ty, &id));
                    self.require(format!("{open} || {}", same(&is_in, &has)));
                } else {
                    self.define(Some(question), Comparison::In, [&ty, &id], has);
                }
            }
        }
        self.add_lists_of_caller(&model, &route, &above_models, &above_routes);
        self.add_texts(&model, &route);
    }

    /// Every entity above a class.
    fn above(
        &self,
        ty: &str,
        uid: impl Fn(&str) -> cedar_policy::EntityUid,
        classes: &[Class],
    ) -> BTreeMap<(String, String), Vec<usize>> {
        let mut found: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for (at, class) in classes.iter().enumerate() {
            let above = self.side.facts().above(&uid(&class.witness));
            let own = (ty.to_owned(), class.witness.clone());
            let above =
                above.iter().map(|uid| (uid.type_name().to_string(), uid.id().unescaped().to_owned()));
            let mut all: BTreeSet<_> = above.collect();
            all.insert(own);
            for uid in all {
                found.entry(uid).or_default().push(at);
            }
        }
        found
    }

    /// `resource in principal.scopes` and the like.
    fn add_lists_of_caller(
        &mut self,
        model: &str,
        route: &str,
        models: &BTreeMap<(String, String), Vec<usize>>,
        routes: &BTreeMap<(String, String), Vec<usize>>,
    ) {
        let (side, caller, facts) = (self.side, self.side.caller(), self.side.facts());
        let (of_models, of_routes) = (self.models.len(), self.routes.len());
        let members = |lists: &BTreeMap<_, Vec<usize>>, variable: &str, of: usize, ty: &str, id: &str| {
            let found = lists.get(&(ty.to_owned(), id.to_owned())).cloned().unwrap_or_default();
            one_of(variable, &found, of)
        };
        let each = |has: String, list: String| super::text::and([has, list]);
        if self.vocabulary.reads("scopes") {
            let scopes = facts.scopes().map(|scope| {
                let has = format!("{caller}.scopes.contains({})", side.entity("Scope", scope));
                each(has, members(models, "context.mc", of_models, "Scope", scope))
            });
            let any = or(scopes);
            self.require(same(&format!("({model} in {caller}.scopes)"), &any));
        }
        if self.vocabulary.reads("routes") {
            let lists = facts.routes_of_roles().map(|(id, _)| id);
            let lists = lists.chain(facts.routes_of_token_roles().map(|(id, _)| id)).map(|id| {
                let has = format!("{caller}.routes.contains({})", side.entity("RouteGroup", id));
                each(has, members(routes, "context.rc", of_routes, "RouteGroup", id))
            });
            let any = or(lists);
            self.require(same(&format!("({route} in {caller}.routes)"), &any));
        }
        let known = self.known_teams();
        let teams = known.iter().map(|team| {
            let list = members(models, "context.mc", of_models, "Team", team);
            (side.entity("Team", team), list)
        });
        let teams: Vec<(String, String)> = teams.collect();
        if self.vocabulary.reads("teams") {
            let any = or(teams
                .iter()
                .map(|(uid, list)| each(format!("{caller}.teams.contains({uid})"), list.clone())));
            self.require(same(&format!("({model} in {caller}.teams)"), &any));
        }
        let any = or(teams.into_iter().map(|(uid, list)| each(format!("{caller}.team == {uid}"), list)));
        let own = same(&format!("({model} in {caller}.team)"), &any);
        self.require(when(&format!("{caller} has team"), &own));
    }

    /// The texts of names and paths, where policies compare them.
    fn add_texts(&mut self, model: &str, route: &str) {
        self.require(format!("{route}.path == context.cr.route && {route}.method == context.cr.method"));
        let names = [("name", format!("{model}.name"), "context.mc", self.models)];
        let paths = [
            ("path", format!("{route}.path"), "context.rc", self.routes),
            ("route", "context.cr.route".to_owned(), "context.rc", self.routes),
        ];
        for (attribute, text, variable, classes) in names.into_iter().chain(paths) {
            if !self.vocabulary.reads(attribute) {
                continue;
            }
            let where_is = |holds: &dyn Fn(&Class) -> bool| {
                let found = classes.iter().enumerate().filter(|(_, class)| holds(class)).map(|(at, _)| at);
                one_of(variable, &found.collect::<Vec<_>>(), classes.len())
            };
            for known in self.vocabulary.texts.clone() {
                let is = where_is(&|class| class.is_single && class.witness == known);
                self.require(same(&format!("{text} == {}", quoted(&known)), &is));
            }
            for like in self.vocabulary.likes.clone() {
                let is = where_is(&|class| is_like(&like, &class.witness));
                let pattern: String = like
                    .iter()
                    .map(|part| match part {
                        None => "*".to_owned(),
                        Some('*') => "\\*".to_owned(),
                        Some(c) => c.escape_debug().to_string(),
                    })
                    .collect();
                self.require(same(&format!("{text} like \"{pattern}\""), &is));
            }
        }
    }
}

/// Whether a text matches a pattern of `like`.
pub(in crate::prove) fn is_like(like: &[Option<char>], text: &str) -> bool {
    matches(like, &text.chars().collect::<Vec<_>>())
}

fn matches(like: &[Option<char>], text: &[char]) -> bool {
    match like.split_first() {
        None => text.is_empty(),
        Some((None, rest)) => {
            (0..=text.len()).any(|skip| matches(rest, text.get(skip..).unwrap_or_default()))
        }
        Some((Some(c), rest)) => text.first() == Some(c) && matches(rest, text.get(1..).unwrap_or_default()),
    }
}
