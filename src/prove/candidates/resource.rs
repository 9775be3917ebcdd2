//! Changes the model or the path of a request.

use std::borrow::Cow;

use super::guide::{Guide, Name};
use crate::prove::classes::runs_unnamed;
use crate::prove::encode::Question;
use crate::prove::scenario::Scenario;

/// The number of names that are tried.
const MOST: usize = 12;

impl Guide<'_> {
    /// The model or the path is one for which something holds, or does not.
    pub(super) fn named(
        &self,
        from: &Scenario,
        question: Question,
        wanted: bool,
        holds: impl Fn(&Name) -> bool,
    ) -> Vec<Scenario> {
        if self.resource(from, question).is_some_and(|own| holds(&own) == wanted) {
            return vec![from.clone()];
        }
        match question {
            Question::Model if from.model.is_none() => Vec::new(),
            Question::Model => {
                let found = self.models.all.iter().filter(|name| holds(name) == wanted);
                let with = |name: &Name| Scenario { model: Some(name.text.clone()), ..from.clone() };
                found.take(MOST).map(with).collect()
            }
            Question::Route => {
                let found = self.routes.all.iter().filter(|name| holds(name) == wanted);
                found.filter_map(|name| on_path(from, &name.text)).take(MOST).collect()
            }
        }
    }

    /// The resource of a question.
    fn resource(&self, from: &Scenario, question: Question) -> Option<Cow<'_, Name>> {
        let (all, text) = match question {
            Question::Model => (&self.models, from.model.as_deref()?),
            Question::Route => (&self.routes, from.path.as_str()),
        };
        let other = || {
            let facts = self.facts();
            let uid = if question == Question::Model { facts.model(text) } else { facts.route(text) };
            Cow::Owned(Name::new(facts, text, &uid))
        };
        Some(all.find(text).map_or_else(other, Cow::Borrowed))
    }

    /// The model is one that the selected team may use, or is not.
    pub(super) fn in_team(&self, from: &Scenario, wanted: bool) -> Vec<Scenario> {
        let Some(team) = self.claimed_teams(from).into_iter().next() else { return vec![from.clone()] };
        self.named(from, Question::Model, wanted, |name| name.is_in("Team", &team))
    }

    /// A scope of the token opens the model, or none does.
    pub(super) fn in_scopes(&self, from: &Scenario, wanted: bool) -> Vec<Scenario> {
        let scopes = || self.facts().scopes().map(str::to_owned);
        match (wanted, self.resource(from, Question::Model)) {
            (true, Some(own)) => {
                let opening = scopes().filter(|scope| own.is_in("Scope", scope));
                let with = opening.flat_map(|scope| self.with_scope(from, &scope, true));
                let others = scopes().flat_map(|scope| {
                    let with = self.with_scope(from, &scope, true);
                    with.into_iter()
                        .flat_map(|with| {
                            self.named(&with, Question::Model, true, |name| name.is_in("Scope", &scope))
                        })
                        .collect::<Vec<_>>()
                });
                with.chain(others).take(MOST).collect()
            }
            _ => scopes().fold(vec![from.clone()], |known, scope| {
                known.iter().flat_map(|known| self.with_scope(known, &scope, wanted)).take(1).collect()
            }),
        }
    }

    /// The path is in a list of routes that a role of the caller has, or is not.
    pub(super) fn in_routes(&self, from: &Scenario, wanted: bool) -> Vec<Scenario> {
        let facts = self.facts();
        let of_roles = facts.routes_of_roles().map(|(list, role)| (list, "Role", role.as_str()));
        let of_token_roles = facts.routes_of_token_roles().map(|(list, role)| (list, "TokenRole", role));
        let lists: Vec<_> = of_roles.chain(of_token_roles).collect();
        if !wanted {
            return self.named(from, Question::Route, false, |name| {
                lists.iter().any(|(list, ..)| name.is_in("RouteGroup", list))
            });
        }
        let with = lists.iter().flat_map(|(list, ty, role)| {
            let with = self.caller_in(from, ty, role, true).into_iter().take(2);
            with.flat_map(|with| {
                let named = self.named(&with, Question::Route, true, |name| name.is_in("RouteGroup", list));
                named.into_iter().take(2)
            })
            .collect::<Vec<_>>()
        });
        with.take(MOST).collect()
    }
}

/// The request on another path. Without a model, with a method that runs none there.
fn on_path(from: &Scenario, path: &str) -> Option<Scenario> {
    let methods = [from.method.as_str(), "GET", "POST", "DELETE"];
    let fits = |method: &&str| from.model.is_some() || !runs_unnamed(method, path);
    let method = methods.into_iter().find(fits)?;
    Some(Scenario { path: path.to_owned(), method: method.to_owned(), ..from.clone() })
}
