//! Validated names of a configuration or token. Each type has a single fallible constructor.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::json::{Json, Object};

/// The name of a model, as a request or a configuration writes it.
///
/// The name is not empty, except for the unnamed model, which no request can name. Names are compared byte by byte, so
/// case and Unicode form matter (rule R2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName(Arc<str>);

impl ModelName {
    /// Makes a name from a non-empty string.
    ///
    /// # Errors
    ///
    /// [`EmptyName`] for the empty string.
    pub fn new(name: &str) -> Result<Self, EmptyName> {
        if name.is_empty() { Err(EmptyName) } else { Ok(Self(name.into())) }
    }

    /// The unnamed model, which a route runs if a request names none (D10). No list names it, and `*` is the only
    /// wildcard that matches it.
    pub(crate) fn unnamed() -> Self {
        Self("".into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelName {
    type Err = EmptyName;

    fn from_str(s: &str) -> Result<Self, EmptyName> {
        Self::new(s)
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for ModelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A name was the empty string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name must not be empty")]
pub struct EmptyName;

/// LiteLLM's roles that `role_permissions` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// `proxy_admin`
    ProxyAdmin,
    /// `team`
    Team,
    /// `internal_user`
    InternalUser,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::ProxyAdmin, Self::Team, Self::InternalUser];

    /// The role's name in a configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProxyAdmin => "proxy_admin",
            Self::Team => "team",
            Self::InternalUser => "internal_user",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(s: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == s).ok_or_else(|| UnknownRole(s.to_owned()))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A role that `role_permissions` cannot name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown role `{0}`")]
pub struct UnknownRole(pub String);

/// The path to a value in a token's claims.
///
/// Dots separate object keys, `\.` is a literal dot, and a leading `metadata.` is dropped, as in LiteLLM. The path only
/// enters objects: `roles.0` never finds the first role of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimPath {
    text: String,
    keys: Vec<String>,
    /// Alternative paths, used if this path finds no value.
    others: Vec<ClaimPath>,
}

impl ClaimPath {
    /// The path as the configuration wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The claim in which the path starts.
    #[must_use]
    pub fn claim(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
    }

    /// Adds alternative paths. They are tried in order if this path finds no value or finds `null`.
    #[must_use]
    pub fn or(mut self, others: Vec<Self>) -> Self {
        for other in &others {
            self.text.push_str(" or ");
            self.text.push_str(&other.text);
        }
        self.others.extend(others);
        self
    }

    /// The claims in which the path or an alternative may start.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self).chain(&self.others).map(Self::claim)
    }

    /// The value at this path, if all keys of the path exist.
    #[must_use]
    pub fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let find = |path: &Self| {
            path.walk(claims, |object, key| object.get(key)?.as_object())
                .and_then(|(object, last)| object.get(last))
        };
        self.first(find, Value::is_null)
    }

    /// The same in borrowed claims.
    pub(crate) fn find_in<'c, 'j>(&self, claims: &'c Object<'j>) -> Option<&'c Json<'j>> {
        let find = |path: &Self| {
            path.walk(claims, |object, key| object.get(key)?.as_object())
                .and_then(|(object, last)| object.get(last))
        };
        self.first(find, Json::is_null)
    }

    /// The object at this path without its last key, and that key.
    fn walk<O>(&self, claims: O, enter: impl Fn(O, &str) -> Option<O>) -> Option<(O, &str)> {
        let (last, parents) = self.keys.split_last()?;
        Some((parents.iter().try_fold(claims, |object, key| enter(object, key))?, last))
    }

    /// The value that this path finds, or the first one of an alternative that is not `null`.
    fn first<'c, V>(
        &self,
        find: impl Fn(&Self) -> Option<&'c V>,
        is_null: impl Fn(&V) -> bool,
    ) -> Option<&'c V> {
        let first = find(self);
        if self.others.is_empty() || first.is_some_and(|value| !is_null(value)) {
            return first;
        }
        self.others.iter().filter_map(find).find(|value| !is_null(value))
    }

    /// The value at this path, created together with missing objects. `None` if a value that is not an object is in the
    /// way.
    #[cfg(feature = "cli")]
    pub(crate) fn place<'c>(&self, claims: &'c mut Map<String, Value>) -> Option<&'c mut Value> {
        let (last, parents) = self.keys.split_last()?;
        let mut object = claims;
        for key in parents {
            let inner = object.entry(key).or_insert_with(|| Value::Object(Map::new()));
            object = inner.as_object_mut()?;
        }
        Some(object.entry(last).or_insert(Value::Null))
    }

    /// The value at this path, mutable.
    pub fn find_mut<'c>(&self, claims: &'c mut Map<String, Value>) -> Option<&'c mut Value> {
        let (last, parents) = self.keys.split_last()?;
        let mut object = claims;
        for key in parents {
            object = object.get_mut(key)?.as_object_mut()?;
        }
        object.get_mut(last)
    }
}

impl FromStr for ClaimPath {
    type Err = EmptyName;

    fn from_str(text: &str) -> Result<Self, EmptyName> {
        let path = text.strip_prefix("metadata.").unwrap_or(text);
        let mut keys = vec![String::new()];
        let mut chars = path.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if chars.peek() == Some(&'.') => {
                    chars.next();
                    push(&mut keys, '.');
                }
                '.' => keys.push(String::new()),
                c => push(&mut keys, c),
            }
        }
        if keys.iter().any(String::is_empty) {
            Err(EmptyName)
        } else {
            Ok(Self { text: text.to_owned(), keys, others: Vec::new() })
        }
    }
}

fn push(keys: &mut [String], c: char) {
    if let Some(key) = keys.last_mut() {
        key.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn find(path: &str, claims: Value) -> Option<Value> {
        path.parse::<ClaimPath>().unwrap().find(claims.as_object().unwrap()).cloned()
    }

    #[test]
    fn a_path_enters_objects() {
        assert_eq!(find("a.b", json!({"a": {"b": 1}})), Some(json!(1)));
    }

    #[test]
    fn a_path_never_enters_lists() {
        assert_eq!(find("roles.0", json!({"roles": ["admin"]})), None);
    }

    #[test]
    fn an_escaped_dot_is_part_of_the_key() {
        assert_eq!(find(r"https://x\.io/roles", json!({"https://x.io/roles": 1})), Some(json!(1)));
    }

    #[test]
    fn a_leading_metadata_is_dropped_once() {
        assert_eq!(find("metadata.metadata.x", json!({"metadata": {"x": 1}})), Some(json!(1)));
    }

    #[test]
    fn empty_keys_are_refused() {
        for path in ["", ".", "a.", ".a", "a..b", "metadata."] {
            assert_eq!(path.parse::<ClaimPath>(), Err(EmptyName), "{path}");
        }
    }
}
