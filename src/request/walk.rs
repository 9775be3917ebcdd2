//! Looking at a JSON value without building a tree: one reader, many things to look for.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// What looks at a value, and at the values inside it.
pub(super) trait Look {
    /// What looks at a value inside.
    type Inside<'l>: Look
    where
        Self: 'l;

    /// Sees a string.
    fn text(&mut self, _: &str) -> Result<(), String> {
        Ok(())
    }

    /// Sees a number, `true` or `false`.
    fn number_or_bool(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// What looks at the next member of a list, if there is one.
    fn element(&mut self) -> Self::Inside<'_>;

    /// A member of the list was there and has been looked at.
    fn element_ended(&mut self) {}

    /// What looks at a member of an object.
    fn member(&mut self, key: &str) -> Result<Self::Inside<'_>, String>;
}

/// Validates the value, and lets a look see every part of it. Unlike `IgnoredAny` it decodes every string, so that a lone
/// surrogate is refused, and counts depth, which the JSON reader limits to 127.
pub(super) struct Walk<L>(pub(super) L);

impl<'b, L: Look> DeserializeSeed<'b> for Walk<L> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'b, L: Look> Visitor<'b> for Walk<L> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(mut self, _: bool) -> Result<(), E> {
        self.0.number_or_bool().map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(mut self, _: i64) -> Result<(), E> {
        self.0.number_or_bool().map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(mut self, _: u64) -> Result<(), E> {
        self.0.number_or_bool().map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(mut self, _: f64) -> Result<(), E> {
        self.0.number_or_bool().map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<(), E> {
        self.0.text(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'b>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Walk(self.0.element()))?.is_some() {
            self.0.element_ended();
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'b>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'b, str>>()? {
            map.next_value_seed(Walk(self.0.member(&key).map_err(A::Error::custom)?))?;
        }
        Ok(())
    }
}

/// Looks for nothing.
pub(super) struct Nothing;

impl Look for Nothing {
    type Inside<'l> = Self;

    fn element(&mut self) -> Self {
        Self
    }

    fn member(&mut self, _: &str) -> Result<Self, String> {
        Ok(Self)
    }
}
