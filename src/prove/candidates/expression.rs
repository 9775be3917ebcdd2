//! Conditions in Cedar's JSON format, as far as a request can be changed to have another value of them.

use serde_json::Value;

/// What a part of a condition reads, or a constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part<'e> {
    Caller,
    /// An attribute of the caller.
    CallerAttribute(&'e str),
    /// A tag of the caller.
    Tag(&'e str),
    /// The selected team.
    Team,
    /// An attribute of the selected team.
    TeamAttribute(&'e str),
    Resource,
    /// An attribute of the resource.
    ResourceAttribute(&'e str),
    Context(&'e str),
    /// The time since midnight.
    TimeOfDay,
    Entity(&'e str, &'e str),
    Text(&'e str),
    Number(i64),
    Flag(bool),
    Set(Vec<Part<'e>>),
    /// A value that a function makes of a text, such as an address.
    Made(&'e str, &'e str),
    /// Everything else, which no request is changed for.
    Other,
}

impl<'e> Part<'e> {
    pub(super) fn of(json: &'e Value) -> Self {
        let Some((operator, operand)) = json.as_object().and_then(|members| members.iter().next()) else {
            return Self::Other;
        };
        match operator.as_str() {
            "Var" => match operand.as_str() {
                Some("principal") => Self::Caller,
                Some("resource") => Self::Resource,
                _ => Self::Other,
            },
            "Value" => Self::constant(operand),
            "Set" => Self::Set(operand.as_array().into_iter().flatten().map(Self::of).collect()),
            "." => attribute(operand).unwrap_or(Self::Other),
            "getTag" => {
                match (Self::left(operand), operand.pointer("/right/Value").and_then(Value::as_str)) {
                    (Self::Caller, Some(name)) => Self::Tag(name),
                    _ => Self::Other,
                }
            }
            "toTime" => match operand.get(0).map(Self::of) {
                Some(Self::Context("time")) => Self::TimeOfDay,
                _ => Self::Other,
            },
            made => match operand.get(0).map(Self::of) {
                Some(Self::Text(text)) => Self::Made(made, text),
                _ => Self::Other,
            },
        }
    }

    /// The left side of an operation.
    pub(super) fn left(operation: &'e Value) -> Self {
        operation.get("left").map_or(Self::Other, Self::of)
    }

    /// The right side of an operation.
    pub(super) fn right(operation: &'e Value) -> Self {
        operation.get("right").map_or(Self::Other, Self::of)
    }

    fn constant(value: &'e Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => number.as_i64().map_or(Self::Other, Self::Number),
            Value::Array(items) => Self::Set(items.iter().map(Self::constant).collect()),
            Value::Object(_) => {
                let text = |path: &str| value.pointer(path).and_then(Value::as_str);
                match (text("/__entity/type"), text("/__entity/id")) {
                    (Some(ty), Some(id)) => Self::Entity(ty, id),
                    _ => match (text("/__extn/fn"), text("/__extn/arg")) {
                        (Some(made), Some(argument)) => Self::Made(made, argument),
                        _ => Self::Other,
                    },
                }
            }
            Value::Null => Self::Other,
        }
    }

    /// Whether it is the same for every request.
    pub(super) fn is_constant(&self) -> bool {
        matches!(
            self,
            Self::Entity(..)
                | Self::Text(_)
                | Self::Number(_)
                | Self::Flag(_)
                | Self::Set(_)
                | Self::Made(..)
        )
    }
}

/// What reading an attribute reads.
pub(super) fn attribute(operand: &Value) -> Option<Part<'_>> {
    let name = operand.get("attr")?.as_str()?;
    let left = operand.get("left")?;
    if left.get("Var").and_then(Value::as_str) == Some("context") {
        return Some(Part::Context(name));
    }
    Some(match (Part::of(left), name) {
        (Part::Caller, "team") => Part::Team,
        (Part::Caller, name) => Part::CallerAttribute(name),
        (Part::Team, name) => Part::TeamAttribute(name),
        (Part::Resource, name) => Part::ResourceAttribute(name),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(condition: &str) -> Value {
        let policy = format!("permit (principal, action, resource) when {{ {condition} }};");
        let json = cedar_policy::Policy::parse(None, policy).unwrap().to_json().unwrap();
        json.pointer("/conditions/0/body").unwrap().clone()
    }

    fn sides(condition: &str, operator: &str) -> [String; 2] {
        let json = read(condition);
        let operation = json.get(operator).unwrap_or_else(|| panic!("{json}"));
        [Part::left(operation), Part::right(operation)].map(|part| format!("{part:?}"))
    }

    #[test]
    fn what_policies_read_is_recognized() {
        for (condition, operator, left, right) in [
            ("context.tools > -3", ">", "Context(\"tools\")", "Number(-3)"),
            ("context.time.toTime() < duration(\"6h\")", "<", "TimeOfDay", "Made(\"duration\", \"6h\")"),
            ("principal in TokenRole::\"a\"", "in", "Caller", "Entity(\"TokenRole\", \"a\")"),
            ("principal.team == Team::\"a\"", "==", "Team", "Entity(\"Team\", \"a\")"),
            ("principal.getTag(\"d\").contains(\"x\")", "contains", "Tag(\"d\")", "Text(\"x\")"),
            ("[\"a\"].contains(context.weekday)", "contains", "Set([Text(\"a\")])", "Context(\"weekday\")"),
            ("resource in principal.team", "in", "Resource", "Team"),
            ("principal.team.blocked == true", "==", "TeamAttribute(\"blocked\")", "Flag(true)"),
        ] {
            assert_eq!(sides(condition, operator), [left, right], "{condition}");
        }
    }
}
