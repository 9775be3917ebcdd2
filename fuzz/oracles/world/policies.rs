//! Policies that reach every entity and attribute, with every operator of Cedar.

use super::entities::{Additions, IDS, SETS};
use crate::choices::Choices;

/// An expression, and the expression that must guard it.
struct Reached {
    guard: String,
    expression: String,
}

impl Reached {
    fn plain(expression: impl Into<String>) -> Self {
        Self { guard: String::new(), expression: expression.into() }
    }

    /// An optional attribute of it.
    fn attribute(self, name: &str) -> Self {
        let Self { guard, expression } = self;
        Self {
            guard: format!("{guard}{expression} has {name} && "),
            expression: format!("{expression}.{name}"),
        }
    }

    fn tag(self, name: &str) -> Self {
        let Self { guard, expression } = self;
        Self {
            guard: format!("{guard}{expression}.hasTag(\"{name}\") && "),
            expression: format!("{expression}.getTag(\"{name}\")"),
        }
    }
}

/// The subject of a policy.
#[derive(Clone, Copy, PartialEq)]
enum About {
    Model,
    Route,
    Anything,
}

pub(crate) fn policy(choices: &mut Choices<'_>, additions: &Additions, number: usize) -> String {
    let effect = choices.one(&["permit", "forbid"]);
    let about = [About::Model, About::Model, About::Route, About::Anything][choices.below(4)];
    let principal = scope(choices, additions, "principal", "Caller");
    let (action, resource) = match about {
        About::Model => ("action == Action::\"use_model\"", scope(choices, additions, "resource", "Model")),
        About::Route => ("action == Action::\"call_route\"", scope(choices, additions, "resource", "Route")),
        About::Anything => (
            choices.one(&["action", "action in [Action::\"use_model\", Action::\"call_route\"]"]),
            "resource".to_owned(),
        ),
    };
    let clauses: Vec<String> = (0..choices.below(3))
        .map(|_| {
            let word = choices.one(&["when", "unless"]);
            format!(" {word} {{ {} }}", condition(choices, about, 2))
        })
        .collect();
    let shadow = choices.one(&["", "", "", "@shadow(\"trial\") "]);
    format!("@id(\"p{number}\") {shadow}{effect}({principal}, {action}, {resource}){};", clauses.concat())
}

fn scope(choices: &mut Choices<'_>, additions: &Additions, variable: &str, ty: &'static str) -> String {
    let parents =
        additions.parents.iter().find(|(name, _)| *name == ty).map(|(_, parents)| parents.as_slice());
    let parents = parents.unwrap_or_default();
    match choices.below(6) {
        0 | 1 => variable.to_owned(),
        2 => format!("{variable} == {}", literal(choices, ty)),
        3 => format!("{variable} is {ty}"),
        4 => format!("{variable} in {}", above(choices, parents)),
        _ => format!("{variable} is {ty} in {}", above(choices, parents)),
    }
}

fn above(choices: &mut Choices<'_>, types: &[&'static str]) -> String {
    let ty = choices.one(types);
    literal(choices, ty)
}

fn literal(choices: &mut Choices<'_>, ty: &str) -> String {
    let ids = if ty == "ModelSet" {
        &SETS[..]
    } else {
        IDS.iter().find(|(name, _)| *name == ty).map_or(&["none"][..], |(_, ids)| ids)
    };
    format!("{ty}::\"{}\"", choices.one(ids))
}

fn condition(choices: &mut Choices<'_>, about: About, depth: usize) -> String {
    if depth > 0 {
        match choices.below(8) {
            0 => {
                return format!(
                    "({} && {})",
                    condition(choices, about, depth - 1),
                    condition(choices, about, depth - 1)
                );
            }
            1 => {
                return format!(
                    "({} || {})",
                    condition(choices, about, depth - 1),
                    condition(choices, about, depth - 1)
                );
            }
            2 => return format!("!({})", condition(choices, about, depth - 1)),
            3 => {
                let [a, b, c] = [(); 3].map(|()| condition(choices, about, depth - 1));
                return format!("(if {a} then {b} else {c})");
            }
            _ => {}
        }
    }
    format!("({})", atom(choices, about))
}

fn atom(choices: &mut Choices<'_>, about: About) -> String {
    match choices.below(28) {
        0 | 1 => is_in(choices, about, zone, "Zone"),
        2 => is_in(choices, about, team, "Organization"),
        3 => is_in(choices, about, model, "AccessGroup"),
        4 => is_in(choices, about, model, "ModelSet"),
        5 => is_in(choices, about, model, "Team"),
        6 => is_in(choices, about, caller, "TokenRole"),
        7 => is_in(choices, about, caller, "Team"),
        8 => {
            let Reached { guard, expression } = team(choices, about, 2);
            format!("{guard}{expression}.{}", choices.one(&["blocked", "declared", "all_models"]))
        }
        9 => {
            let Reached { guard, expression } = model(choices, about, 2);
            format!("{guard}{expression}.name like \"{}\"", choices.one(&["s*", "*x", "large"]))
        }
        10 => {
            let (left, right) = (zone(choices, about, 2), zone(choices, about, 2));
            let operator = choices.one(&["==", "!=", "in"]);
            format!("{}{}{} {operator} {}", left.guard, right.guard, left.expression, right.expression)
        }
        11 => {
            let (sets, zone) = (zones(choices, about), zone(choices, about, 1));
            format!("{}{}{}.contains({})", sets.guard, zone.guard, sets.expression, zone.expression)
        }
        12 => {
            let sets = zones(choices, about);
            let operator = choices.one(&["containsAny", "containsAll"]);
            format!("{}{}.{operator}([Zone::\"z1\", Zone::\"z2\"])", sets.guard, sets.expression)
        }
        13 => {
            let (sets, what) = (zones(choices, about), end(choices, about));
            format!("{}{what} in {}", sets.guard, sets.expression)
        }
        14 => of_vendor(choices, about, "net", ".isInRange(ip(\"10.0.0.0/8\"))"),
        15 => of_vendor(choices, about, "price", ".lessThan(decimal(\"1.0\"))"),
        16 => of_vendor(choices, about, "since", " < datetime(\"2025-01-01\")"),
        17 => of_vendor(choices, about, "labels", ".containsAny([\"a\", \"b\"])"),
        18 => {
            let Reached { guard, expression } = vendor(choices, about, 2).attribute("info");
            format!("{guard}{expression}.level {}", choices.one(&["> 1", "+ 9223372036854775806 > 0"]))
        }
        19 => {
            let (left, right) = (vendor(choices, about, 2), vendor(choices, about, 1));
            format!(
                "{}{}{{\"v\": {}}} == {{\"v\": {}}}",
                left.guard, right.guard, left.expression, right.expression
            )
        }
        20 => {
            let Reached { guard, expression } = vendor(choices, about, 2);
            format!(
                "{guard}{expression} has {}",
                choices.one(&["home", "info.zone", "partner.home", "owner.vendor.home"])
            )
        }
        21 => "principal.hasTag(\"department\") && principal.getTag(\"department\").contains(\"north\")"
            .to_owned(),
        22 => {
            let texts = vendor(choices, about, 1).attribute("labels");
            format!(
                "{}principal.hasTag(\"department\") && principal.getTag(\"department\").containsAny({})",
                texts.guard, texts.expression
            )
        }
        23 if about == About::Model => {
            "context has max_tokens && context.max_tokens + 9223372036854775797 > 0".to_owned()
        }
        23 => "context has source && context.source.isInRange(ip(\"10.0.0.0/8\"))".to_owned(),
        24 if about == About::Model => {
            "resource in principal.teams || resource in principal.scopes".to_owned()
        }
        24 if about == About::Route => choices
            .one(&["resource has method", "resource.method == \"GET\"", "resource in principal.routes"])
            .to_owned(),
        24 => choices
            .one(&[
                "principal has subject",
                "principal has email && principal.email == \"boss\"",
                "principal.roles.contains(\"dev\")",
            ])
            .to_owned(),
        25 if about == About::Route => choices
            .one(&[
                "principal has lists && resource in principal.lists",
                "resource in RouteGroup::\"llm_api_routes\"",
                "resource in RouteGroup::\"general_settings.role_permissions[1].routes\"",
            ])
            .to_owned(),
        25 => choices
            .one(&[
                "TokenRole::\"dev\" in TokenRole::\"base\"",
                "AccessGroup::\"cheap\" in AccessGroup::\"gold\"",
                "Team::\"red\" in Organization::\"acme\"",
                "principal has grade && principal.grade in TokenRole::\"base\"",
                "Model::\"large\" in principal.teams",
            ])
            .to_owned(),
        26 => {
            let Reached { guard, expression } = caller(choices, about, 2);
            format!(
                "{guard}{expression} == {}",
                choices.one(&["principal", "Caller::\"https://a#ada\"", "Caller::\"#boss\""])
            )
        }
        _ => choices
            .one(&["principal is Caller", "context.method == \"POST\"", "principal.admin", "true"])
            .to_owned(),
    }
}

type Reach = fn(&mut Choices<'_>, About, usize) -> Reached;

fn is_in(choices: &mut Choices<'_>, about: About, reach: Reach, ty: &str) -> String {
    let Reached { guard, expression } = reach(choices, about, 2);
    let group = literal(choices, ty);
    match choices.below(3) {
        0 => format!("{guard}{expression} in [{group}, {}]", literal(choices, ty)),
        _ => format!("{guard}{expression} in {group}"),
    }
}

fn of_vendor(choices: &mut Choices<'_>, about: About, attribute: &str, rest: &str) -> String {
    let Reached { guard, expression } = vendor(choices, about, 2).attribute(attribute);
    format!("{guard}{expression}{rest}")
}

/// The principal, or the resource.
fn end(choices: &mut Choices<'_>, about: About) -> &'static str {
    if about != About::Anything && choices.yes() { "resource" } else { "principal" }
}

fn zones(choices: &mut Choices<'_>, about: About) -> Reached {
    match about {
        About::Model if choices.yes() => Reached::plain("resource").attribute("zones"),
        _ => vendor(choices, about, 1).attribute("zones"),
    }
}

fn zone(choices: &mut Choices<'_>, about: About, depth: usize) -> Reached {
    match choices.below(if depth == 0 { 1 } else { 8 }) {
        1 | 2 => vendor(choices, about, depth - 1).attribute("home"),
        3 => vendor(choices, about, depth - 1).attribute("info").attribute("zone"),
        4 => team(choices, about, depth - 1).attribute("home"),
        5 => caller(choices, about, depth - 1).attribute("home"),
        6 => Reached::plain("Organization::\"acme\"").attribute("home"),
        7 => model(choices, about, depth - 1).tag("ally"),
        _ => Reached::plain(literal(choices, "Zone")),
    }
}

fn vendor(choices: &mut Choices<'_>, about: About, depth: usize) -> Reached {
    match choices.below(if depth == 0 { 2 } else { 8 }) {
        0 if about != About::Anything => Reached::plain("resource").attribute("vendor"),
        0 => Reached::plain("principal").attribute("vendor"),
        2 => vendor(choices, about, depth - 1).attribute("partner"),
        3 => vendor(choices, about, depth - 1).tag("ally"),
        4 => team(choices, about, depth - 1).attribute("vendor"),
        5 => model(choices, about, depth - 1).attribute("vendor"),
        6 => caller(choices, about, depth - 1).attribute("vendor"),
        _ => Reached::plain(literal(choices, "Vendor")),
    }
}

fn team(choices: &mut Choices<'_>, about: About, depth: usize) -> Reached {
    match choices.below(if depth == 0 { 2 } else { 6 }) {
        0 => Reached::plain("principal").attribute("team"),
        2 if about != About::Anything => Reached::plain("resource").attribute("owner"),
        3 => team(choices, about, depth - 1).attribute("sister"),
        4 => vendor(choices, about, depth - 1).attribute("owner"),
        _ => Reached::plain(literal(choices, "Team")),
    }
}

fn model(choices: &mut Choices<'_>, about: About, depth: usize) -> Reached {
    match choices.below(if depth == 0 { 2 } else { 4 }) {
        0 if about == About::Model => Reached::plain("resource"),
        2 => model(choices, about, depth - 1).attribute("backup"),
        3 => caller(choices, about, depth - 1).attribute("favorite"),
        _ => Reached::plain(literal(choices, "Model")),
    }
}

fn caller(choices: &mut Choices<'_>, about: About, depth: usize) -> Reached {
    match choices.below(if depth == 0 { 2 } else { 6 }) {
        2 => caller(choices, about, depth - 1).attribute("boss"),
        3 => team(choices, about, depth - 1).attribute("lead"),
        4 => model(choices, about, depth - 1).attribute("boss"),
        1 => Reached::plain(literal(choices, "Caller")),
        _ => Reached::plain("principal"),
    }
}
