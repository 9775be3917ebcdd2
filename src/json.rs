//! JSON values that borrow from the text that they were read from.
//!
//! A token's claims are read for each new token, and most of them are never used. So strings are not copied, and an
//! object is a list of its members: a token has about a dozen claims, which are found faster by comparing names than by
//! hashing them.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// A JSON value.
#[derive(Debug)]
pub(crate) enum Json<'j> {
    Null,
    Bool(bool),
    #[cfg_attr(not(feature = "gateway"), expect(dead_code, reason = "only the verifier reads numbers"))]
    Number(Number),
    Text(Cow<'j, str>),
    List(Vec<Json<'j>>),
    Object(Object<'j>),
}

/// A JSON object. No name occurs twice.
#[derive(Debug)]
pub(crate) struct Object<'j>(Vec<(Cow<'j, str>, Json<'j>)>);

impl<'j> Object<'j> {
    /// An object with these members. The names must differ.
    #[cfg(feature = "gateway")]
    pub(crate) fn of_members(members: Vec<(Cow<'j, str>, Json<'j>)>) -> Self {
        Self(members)
    }

    /// The same object, with borrowed strings.
    pub(crate) fn of_map(map: &'j Map<String, Value>) -> Self {
        Self(map.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), Json::of_value(value))).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json<'j>> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The members in the order of the text.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Json<'j>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// A copy that borrows nothing.
    #[cfg(feature = "gateway")]
    pub(crate) fn to_map(&self) -> Map<String, Value> {
        self.0.iter().map(|(name, value)| (name.as_ref().to_owned(), value.to_value())).collect()
    }
}

impl<'j> Json<'j> {
    fn of_value(value: &'j Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(list) => Self::List(list.iter().map(Self::of_value).collect()),
            Value::Object(map) => Self::Object(Object::of_map(map)),
        }
    }

    /// A copy that borrows nothing.
    #[cfg(feature = "gateway")]
    fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.as_ref().to_owned()),
            Self::List(list) => Value::Array(list.iter().map(Self::to_value).collect()),
            Self::Object(object) => Value::Object(object.to_map()),
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Object<'j>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_borrowed_object_is_the_same_object() {
        let value = json!({"a": [1, -2.5, true, null, "x"], "b": {"c": {}}});
        let map = value.as_object().unwrap();
        let object = Object::of_map(map);
        assert_eq!(object.get("b").and_then(Json::as_object).map(|inner| inner.has("c")), Some(true));
        assert!(!object.has("c"));
        assert_eq!(object.to_map(), *map);
    }
}
