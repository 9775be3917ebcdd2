//! Changes a request so that a condition has a value.

use serde_json::Value;

use super::expression::{Part, attribute};
use super::guide::Guide;
use crate::prove::encode::Question;
use crate::prove::scenario::Scenario;

/// The number of requests for each condition.
const MOST: usize = 12;

impl Guide<'_> {
    /// Requests like this one for which a condition probably has the wanted value.
    ///
    /// Nothing rests on it: the engine decides each request before it counts.
    pub(super) fn variants(
        &self,
        from: &Scenario,
        question: Question,
        condition: &Value,
        wanted: bool,
    ) -> Vec<Scenario> {
        let mut all = self.changed(from, question, condition, wanted);
        all.truncate(MOST);
        all
    }

    fn changed(&self, from: &Scenario, question: Question, condition: &Value, wanted: bool) -> Vec<Scenario> {
        let Some((operator, operand)) = condition.as_object().and_then(|members| members.iter().next())
        else {
            return vec![from.clone()];
        };
        let of = |name: &str| operand.get(name).unwrap_or(&Value::Null);
        let both = |first: (&Value, bool), second: (&Value, bool)| {
            let firsts = self.variants(from, question, first.0, first.1);
            firsts.iter().flat_map(|known| self.variants(known, question, second.0, second.1)).collect()
        };
        let either = |first: (&Value, bool), second: (&Value, bool)| {
            let mut all = self.variants(from, question, first.0, first.1);
            // Neither side takes every place.
            all.truncate(MOST / 2);
            all.extend(self.variants(from, question, second.0, second.1));
            all
        };
        match operator.as_str() {
            "!" => self.changed(from, question, of("arg"), !wanted),
            "&&" | "||" => {
                let (left, right) = ((of("left"), wanted), (of("right"), wanted));
                if wanted == (operator == "&&") { both(left, right) } else { either(left, right) }
            }
            "if-then-else" => {
                let mut all: Vec<Scenario> = both((of("if"), true), (of("then"), wanted));
                all.truncate(MOST / 2);
                all.extend(both((of("if"), false), (of("else"), wanted)));
                all
            }
            "==" | "!=" => {
                let (left, right) = turned(Part::left(operand), Part::right(operand));
                self.equal(from, question, &left, &right, wanted == (operator == "=="))
            }
            "<" | "<=" | ">" | ">=" => {
                let (left, right) = (Part::left(operand), Part::right(operand));
                let is_turned = left.is_constant();
                let (read, limit) = turned(left, right);
                // `a < b` is `b > a`.
                let is_upper = operator.starts_with('<') != is_turned;
                self.ordered(from, &read, &limit, is_upper == wanted, operator.ends_with('=') == wanted)
            }
            "in" => self.contained(from, question, &Part::left(operand), &Part::right(operand), wanted),
            "is" => match (of("in").get("Value"), Part::left(operand)) {
                (Some(_), left) => self.contained(from, question, &left, &Part::of(of("in")), wanted),
                (None, _) => vec![from.clone()],
            },
            "has" => match attribute(operand) {
                Some(Part::Context(name)) => self.present(from, name, wanted),
                Some(Part::Team) => self.with_team(from, None, wanted),
                Some(Part::CallerAttribute(name)) => self.with_attribute(from, name, wanted),
                _ => vec![from.clone()],
            },
            "hasTag" => match (Part::left(operand), Part::right(operand)) {
                (Part::Caller, Part::Text(name)) => self.with_tag(from, name, None, wanted),
                _ => vec![from.clone()],
            },
            "contains" | "containsAny" | "containsAll" => {
                self.containing(from, question, &Part::left(operand), &Part::right(operand), wanted)
            }
            "like" => {
                let text = example(of("pattern"));
                self.equal(from, question, &Part::left(operand), &Part::Text(&text), wanted)
            }
            "." => self.equal(from, question, &Part::of(condition), &Part::Flag(true), wanted),
            _ => {
                let argument = |at: usize| operand.get(at).map_or(Part::Other, Part::of);
                self.called(from, operator, &argument(0), &argument(1), wanted)
            }
        }
    }

    /// `left == right`
    fn equal(
        &self,
        from: &Scenario,
        question: Question,
        left: &Part<'_>,
        right: &Part<'_>,
        wanted: bool,
    ) -> Vec<Scenario> {
        match (left, right) {
            (Part::Caller, Part::Entity(ty, id)) => self.caller_in(from, ty, id, wanted),
            (Part::Team, Part::Entity(_, id)) => self.with_team(from, Some(id), wanted),
            (Part::Resource, Part::Entity(_, id)) => {
                self.named(from, question, wanted, |name| name.text == *id)
            }
            (Part::ResourceAttribute("name" | "path"), Part::Text(text)) => {
                self.named(from, question, wanted, |name| name.text == *text)
            }
            (Part::CallerAttribute("admin"), Part::Flag(flag)) => {
                self.caller_in(from, "Role", "proxy_admin", *flag == wanted)
            }
            (Part::CallerAttribute(name), Part::Text(text)) => self.with_text(from, name, text, wanted),
            (Part::TeamAttribute(name), Part::Flag(flag)) => self.with_team_that(from, name, *flag == wanted),
            (Part::Context("route"), Part::Text(text)) => {
                self.named(from, Question::Route, wanted, |name| name.text == *text)
            }
            (Part::Context(name), value) => self.with_value(from, name, value, wanted),
            _ => vec![from.clone()],
        }
    }

    /// `left in right`
    fn contained(
        &self,
        from: &Scenario,
        question: Question,
        left: &Part<'_>,
        right: &Part<'_>,
        wanted: bool,
    ) -> Vec<Scenario> {
        match (left, right) {
            (_, Part::Set(members)) => of_members(from, members, wanted, |from, member| {
                self.contained(from, question, left, member, wanted)
            }),
            (Part::Caller, Part::Entity(ty, id)) => self.caller_in(from, ty, id, wanted),
            (Part::Team, Part::Entity("Team", id)) => self.with_team(from, Some(id), wanted),
            (Part::Team, Part::Entity(ty, id)) => self.caller_in(from, ty, id, wanted),
            (Part::Resource, Part::Entity(ty, id)) => {
                self.named(from, question, wanted, |name| name.is_in(ty, id))
            }
            (Part::Resource, Part::Team) => self.in_team(from, wanted),
            (Part::Resource, Part::CallerAttribute("scopes")) => self.in_scopes(from, wanted),
            (Part::Resource, Part::CallerAttribute("routes")) => self.in_routes(from, wanted),
            _ => vec![from.clone()],
        }
    }

    /// `left.contains(right)` and the like
    fn containing(
        &self,
        from: &Scenario,
        question: Question,
        left: &Part<'_>,
        right: &Part<'_>,
        wanted: bool,
    ) -> Vec<Scenario> {
        let changed = |from: &Scenario, left: &Part<'_>, right: &Part<'_>| match (left, right) {
            (Part::CallerAttribute("roles"), Part::Text(text)) => self.with_role(from, text, wanted),
            (Part::CallerAttribute("scopes"), Part::Entity(_, id)) => self.with_scope(from, id, wanted),
            (Part::CallerAttribute("teams"), Part::Entity(_, id)) => self.with_team(from, Some(id), wanted),
            (Part::Tag(name), Part::Text(text)) => self.with_tag(from, name, Some(text), wanted),
            (read, constant) => self.equal(from, question, read, constant, wanted),
        };
        let (read, members) = match (left, right) {
            (Part::Set(members), read) => (read, members.as_slice()),
            (read, Part::Set(members)) => (read, members.as_slice()),
            (read, one) => (read, std::slice::from_ref(one)),
        };
        of_members(from, members, wanted, |from, member| changed(from, read, member))
    }
}

/// Requests for which a condition is true for one member of a set, or for none.
fn of_members<'e>(
    from: &Scenario,
    members: &[Part<'e>],
    wanted: bool,
    changed: impl Fn(&Scenario, &Part<'e>) -> Vec<Scenario>,
) -> Vec<Scenario> {
    if wanted {
        return members.iter().flat_map(|member| changed(from, member).into_iter().take(2)).collect();
    }
    members.iter().fold(vec![from.clone()], |known, member| {
        known.iter().flat_map(|known| changed(known, member)).take(MOST).collect()
    })
}

/// The constant on the right.
fn turned<'e>(left: Part<'e>, right: Part<'e>) -> (Part<'e>, Part<'e>) {
    if left.is_constant() { (right, left) } else { (left, right) }
}

/// A text that a pattern of `like` matches.
fn example(pattern: &Value) -> String {
    let parts = pattern.as_array().into_iter().flatten();
    parts.map(|part| part.get("Literal").and_then(Value::as_str).unwrap_or_default()).collect()
}
