//! Reads questions. Members that the specification does not have are ignored, as it demands.

use serde_json::{Map, Value};

use crate::authn::{JsonError, json_object};

/// The body of a request is not a question.
#[derive(Debug, thiserror::Error)]
pub(super) enum PayloadError {
    #[error("the body is not a JSON object: {0}")]
    Json(#[from] JsonError),
    #[error("`{0}` is missing")]
    Missing(String),
    #[error("`{at}` must be {expected}")]
    Type { at: String, expected: &'static str },
    #[error("`subject.id` differs from the subject's claim `sub`")]
    OtherSubject,
    #[error("`{at}` has more than {most} members")]
    TooMany { at: &'static str, most: usize },
}

/// A subject or a resource.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entity {
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) properties: Map<String, Value>,
}

/// What the subject wants to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Action {
    pub(super) name: String,
    pub(super) properties: Map<String, Value>,
}

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    pub(super) subject: Entity,
    pub(super) action: Action,
    pub(super) resource: Entity,
    pub(super) context: Map<String, Value>,
}

/// The members of a question. A default stands in for a member that is absent, as a whole.
#[derive(Clone, Copy)]
pub(super) struct Members<'m> {
    pub(super) own: &'m Map<String, Value>,
    pub(super) defaults: Option<&'m Map<String, Value>>,
}

/// Reads the body of a request.
pub(super) fn body(bytes: &[u8]) -> Result<Map<String, Value>, PayloadError> {
    Ok(json_object(bytes)?)
}

impl Question {
    pub(super) fn read(members: Members<'_>) -> Result<Self, PayloadError> {
        Ok(Self {
            subject: members.subject()?,
            action: members.action()?,
            resource: members.resource()?,
            context: members.context()?,
        })
    }
}

impl<'m> Members<'m> {
    pub(super) fn of(own: &'m Map<String, Value>) -> Self {
        Self { own, defaults: None }
    }

    pub(super) fn subject(self) -> Result<Entity, PayloadError> {
        entity(self.required("subject")?, "subject")
    }

    pub(super) fn resource(self) -> Result<Entity, PayloadError> {
        entity(self.required("resource")?, "resource")
    }

    pub(super) fn action(self) -> Result<Action, PayloadError> {
        let action = object(self.required("action")?, "action")?;
        Ok(Action { name: text(action, "action", "name")?, properties: properties(action, "action")? })
    }

    /// A resource that is searched for: its id is ignored.
    pub(super) fn sought_resource(self) -> Result<Entity, PayloadError> {
        let resource = object(self.required("resource")?, "resource")?;
        let kind = text(resource, "resource", "type")?;
        Ok(Entity { kind, id: String::new(), properties: properties(resource, "resource")? })
    }

    pub(super) fn context(self) -> Result<Map<String, Value>, PayloadError> {
        match self.get("context") {
            Some(context) => object(context, "context").cloned(),
            None => Ok(Map::new()),
        }
    }

    /// Checks the members that are there.
    pub(super) fn check_present(self) -> Result<(), PayloadError> {
        let is_there = |name| self.get(name).is_some();
        is_there("subject").then(|| self.subject()).transpose()?;
        is_there("action").then(|| self.action()).transpose()?;
        is_there("resource").then(|| self.resource()).transpose()?;
        self.context().map(drop)
    }

    fn get(self, name: &str) -> Option<&'m Value> {
        // The specification wants absent members instead of `null`.
        let present = |members: &'m Map<String, Value>| members.get(name).filter(|value| !value.is_null());
        present(self.own).or_else(|| present(self.defaults?))
    }

    fn required(self, name: &str) -> Result<&'m Value, PayloadError> {
        self.get(name).ok_or_else(|| PayloadError::Missing(name.to_owned()))
    }
}

fn entity(value: &Value, at: &str) -> Result<Entity, PayloadError> {
    let members = object(value, at)?;
    Ok(Entity {
        kind: text(members, at, "type")?,
        id: text(members, at, "id")?,
        properties: properties(members, at)?,
    })
}

pub(super) fn object<'v>(value: &'v Value, at: &str) -> Result<&'v Map<String, Value>, PayloadError> {
    value.as_object().ok_or_else(|| PayloadError::Type { at: at.to_owned(), expected: "an object" })
}

fn properties(members: &Map<String, Value>, at: &str) -> Result<Map<String, Value>, PayloadError> {
    match members.get("properties").filter(|value| !value.is_null()) {
        Some(properties) => object(properties, &format!("{at}.properties")).cloned(),
        None => Ok(Map::new()),
    }
}

fn text(members: &Map<String, Value>, at: &str, name: &str) -> Result<String, PayloadError> {
    let at = format!("{at}.{name}");
    match members.get(name) {
        None | Some(Value::Null) => Err(PayloadError::Missing(at)),
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(_) => Err(PayloadError::Type { at, expected: "a string that is not empty" }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(value: &Value) -> String {
        Question::read(Members::of(value.as_object().unwrap())).unwrap_err().to_string()
    }

    fn whole() -> Value {
        json!({
            "subject": {"type": "user", "id": "ada", "more": 1},
            "action": {"name": "read"},
            "resource": {"type": "record", "id": "1", "properties": {"a": [1]}},
            "future": true,
        })
    }

    #[test]
    fn a_question_is_read_and_unknown_members_are_ignored() {
        let value = whole();
        let question = Question::read(Members::of(value.as_object().unwrap())).unwrap();
        assert_eq!((question.subject.kind.as_str(), question.subject.id.as_str()), ("user", "ada"));
        assert_eq!(Value::Object(question.resource.properties), json!({"a": [1]}));
        assert!(question.context.is_empty());
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named() {
        for (pointer, value, message) in [
            ("/subject", Value::Null, "`subject` is missing"),
            ("/subject", json!("ada"), "`subject` must be an object"),
            ("/subject/type", Value::Null, "`subject.type` is missing"),
            ("/subject/id", json!(""), "`subject.id` must be a string that is not empty"),
            ("/action", json!({}), "`action.name` is missing"),
            ("/action/name", json!(123), "`action.name` must be a string that is not empty"),
            ("/resource/id", json!({}), "`resource.id` must be a string that is not empty"),
            ("/resource/properties", json!([]), "`resource.properties` must be an object"),
        ] {
            let mut changed = whole();
            *changed.pointer_mut(pointer).unwrap() = value;
            assert_eq!(error(&changed), message);
        }
        let mut changed = whole();
        changed["context"] = json!("now");
        assert_eq!(error(&changed), "`context` must be an object");
    }

    #[test]
    fn a_default_stands_in_for_a_whole_member_that_is_absent() {
        let (own, defaults) = (json!({"resource": {"type": "record", "id": "2"}}), whole());
        let members = Members { own: own.as_object().unwrap(), defaults: defaults.as_object() };
        let question = Question::read(members).unwrap();
        assert_eq!((question.resource.id.as_str(), question.resource.properties.len()), ("2", 0));
        assert_eq!(question.subject.id, "ada");
    }
}
