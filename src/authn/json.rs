//! Parses JSON objects strictly: no duplicate member at any level, no deep nesting, and nothing after the end.
//!
//! With a duplicate member, RFC 7515 section 4 and RFC 7519 section 4 let a parser take the last one. Another parser
//! may take the first one. So duplicates are refused here.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::sanitize::sanitize;

/// The maximum nesting depth of arrays and objects.
const MAX_DEPTH: usize = 32;

/// The reason why bytes are not one strict JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

/// Parses bytes that must be exactly one JSON object.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value))
        // The parser's message for a control character contains a backslash, which RFC 6750 forbids in a challenge.
        .map_err(|error| JsonError(error.to_string().replace(['"', '\\'], "'")))?;
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(JsonError("not a JSON object".to_owned())),
    }
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
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Strict { depth })? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate member `{}`", sanitize(&name))));
            }
            let value = members.next_value_seed(Strict { depth })?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
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
