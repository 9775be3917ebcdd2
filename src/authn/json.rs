//! Parses JSON objects strictly: no duplicate member at any level, no deep nesting, and nothing after the end.
//!
//! With a duplicate member, RFC 7515 section 4 and RFC 7519 section 4 let a parser take the last one. Another parser
//! may take the first one. So duplicates are refused here.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::sanitize::sanitize;
use crate::json::{Json, Object};

/// The maximum nesting depth of arrays and objects.
const MAX_DEPTH: usize = 32;
/// The names of larger objects are compared by their hashes first. Otherwise a hostile token with thousands of members
/// would cost millions of comparisons.
const SMALL: usize = 16;

/// The reason why bytes are not one strict JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

/// Parses bytes that must be exactly one JSON object. Strings without escapes are borrowed.
pub(super) fn borrowed(bytes: &[u8]) -> Result<Object<'_>, JsonError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value))
        // The parser's message for a control character contains a backslash, which RFC 6750 forbids in a challenge.
        .map_err(|error| JsonError(error.to_string().replace(['"', '\\'], "'")))?;
    match value {
        Json::Object(object) => Ok(object),
        _ => Err(JsonError("not a JSON object".to_owned())),
    }
}

/// The same as a map that borrows nothing.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    borrowed(bytes).map(|object| object.to_map())
}

struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<usize, E> {
        if self.depth < MAX_DEPTH {
            Ok(self.depth + 1)
        } else {
            Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Json<'de>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json<'de>, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let depth = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Strict { depth })? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let depth = self.deeper()?;
        let mut members = Members { members: Vec::with_capacity(SMALL), hashes: None };
        while let Some(name) = map.next_key_seed(Name)? {
            if !members.is_new(&name) {
                return Err(A::Error::custom(format_args!("duplicate member `{}`", sanitize(&name))));
            }
            let value = map.next_value_seed(Strict { depth })?;
            members.members.push((name, value));
        }
        Ok(Json::Object(Object::of_members(members.members)))
    }
}

/// The members of an object so far.
struct Members<'de> {
    members: Vec<(Cow<'de, str>, Json<'de>)>,
    /// The hashes of all names, if there are many.
    hashes: Option<(RandomState, HashSet<u64, foldhash::fast::RandomState>)>,
}

impl Members<'_> {
    fn is_new(&mut self, name: &str) -> bool {
        let members = &self.members;
        if members.len() < SMALL {
            return members.iter().all(|(member, _)| member != name);
        }
        let (hashing, hashes) = self.hashes.get_or_insert_with(|| {
            let hashing = RandomState::default();
            let hashes = members.iter().map(|(member, _)| hashing.hash_one(&**member)).collect();
            (hashing, hashes)
        });
        // Two names may have one hash.
        hashes.insert(hashing.hash_one(name)) || members.iter().all(|(member, _)| member != name)
    }
}

/// The name of a member.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Cow<'de, str>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_it_stands() {
        let text = r#"{"a": [1, -2, 0.5, true, null, "x\u00e9"], "b": {"c": {}}}"#;
        assert_eq!(Value::Object(object(text.as_bytes()).unwrap()), text.parse::<Value>().unwrap());
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_at_any_level() {
        for text in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "\u0061": 2}"#,
            r#"{"x": {"a": 1, "a": 1}}"#,
            r#"{"x": [{"a": 1, "a": 1}]}"#,
        ] {
            assert!(
                object(text.as_bytes()).unwrap_err().to_string().contains("duplicate member `a`"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_member_that_stands_twice_among_many_is_refused() {
        let members = |count: usize, last: &str| {
            let names = (0..count).map(|n| format!(r#""m{n}": {n}, "#)).collect::<String>();
            object(format!(r#"{{{names}"{last}": 1}}"#).as_bytes())
        };
        for count in [SMALL - 1, SMALL, SMALL + 1, 500] {
            assert_eq!(members(count, "other").unwrap().len(), count + 1);
            for twice in [0, count / 2, count - 1] {
                let error = members(count, &format!("m{twice}")).unwrap_err().to_string();
                assert!(error.contains(&format!("duplicate member `m{twice}`")), "{count} {twice} {error}");
            }
        }
    }

    #[test]
    fn a_text_without_escapes_is_borrowed() {
        let text = r#"{"a": "x", "b": "\u0078"}"#.as_bytes();
        let read = borrowed(text).unwrap();
        assert!(matches!(read.get("a"), Some(Json::Text(Cow::Borrowed("x")))));
        assert_eq!(read.get("b").and_then(Json::as_str), Some("x"));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        let cases: [&[u8]; 14] = [
            b"",
            b"[]",
            b"null",
            b"\"x\"",
            b"{} {}",
            b"{},",
            b"{\"a\": 1,}",
            b"{\"a\": NaN}",
            b"{\"a\": 1e400}",
            b"{\"a\": \"\xff\"}",
            b"{\"a\": \"\\ud800\"}",
            b"\xef\xbb\xbf{}",
            b"{/**/}",
            b"{\"a\": \"\n\"}",
        ];
        for bytes in cases {
            assert!(object(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_message_fits_into_a_challenge() {
        for bytes in
            [&b"{\"a\\\"\": 1, \"a\\\"\": 1}"[..], b"{\"a\": \"\n\"}", b"{\"a\": \"\\x\"}", b"\"", b"{\"\xff"]
        {
            let message = object(bytes).unwrap_err().to_string();
            assert!(
                message.bytes().all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\')),
                "{message}"
            );
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
        assert!(object(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        assert!(object(nested(MAX_DEPTH).as_bytes()).unwrap_err().to_string().contains("nested deeper"));
        assert!(object(nested(5_000_000).as_bytes()).is_err());
    }
}
