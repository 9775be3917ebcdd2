//! Further models: those that an upstream may use besides the one that is asked for.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::places::is_disguised;
use crate::names::ModelName;

/// The most further models that a request may name.
const MAX_FURTHER: usize = 64;

/// Adds a name, once.
pub(super) fn add(names: &mut Vec<ModelName>, name: &str) -> Result<(), String> {
    let name = super::model_name("a further place", name).map_err(|error| error.to_string())?;
    if !names.contains(&name) {
        names.push(name);
    }
    if names.len() > MAX_FURTHER { Err("too many further models".to_owned()) } else { Ok(()) }
}

/// Collects the models in `models` or `fallbacks`: names, lists of them, objects whose values are lists (their keys are
/// models that are replaced, not used), and objects with a `model` among other parameters.
pub(super) struct Names<'n>(pub(super) &'n mut Vec<ModelName>);

impl<'b> DeserializeSeed<'b> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for Names<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the names of models")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<(), E> {
        add(self.0, name).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Names(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if is_model(&key)? {
                map.next_value_seed(Names(&mut *self.0))?;
            } else {
                map.next_value_seed(ListedNames(&mut *self.0))?;
            }
        }
        Ok(())
    }
}

fn is_model<E: serde::de::Error>(key: &str) -> Result<bool, E> {
    if is_disguised(key, "model") {
        return Err(E::custom("a key is spelled almost like `model`"));
    }
    Ok(key == "model")
}

/// Collects the strings at the key `model`, at most so many lists and objects down, and passes over everything else.
pub(super) struct Within<'n> {
    pub(super) names: &'n mut Vec<ModelName>,
    pub(super) levels: u8,
}

impl Within<'_> {
    /// The same, one level further down; `None` at the bottom.
    fn below(&mut self) -> Option<Within<'_>> {
        let levels = self.levels.checked_sub(1)?;
        Some(Within { names: &mut *self.names, levels })
    }
}

impl<'b> DeserializeSeed<'b> for Within<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(mut self, deserializer: D) -> Result<(), D::Error> {
        match self.below() {
            Some(below) => deserializer.deserialize_any(Level(below)),
            None => Skip.deserialize(deserializer),
        }
    }
}

/// A list or an object whose members are to be looked at.
struct Level<'n>(Within<'n>);

impl<'b> Visitor<'b> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut seq: A) -> Result<(), A::Error> {
        let Within { names, levels } = self.0;
        while seq.next_element_seed(Within { names: &mut *names, levels })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        let Within { names, levels } = self.0;
        while let Some(key) = map.next_key::<String>()? {
            let raw: &RawValue = map.next_value()?;
            let mut json = serde_json::Deserializer::from_str(raw.get());
            let read = if is_model(&key)? && raw.get().starts_with('"') {
                Names(&mut *names).deserialize(&mut json)
            } else {
                Within { names: &mut *names, levels }.deserialize(&mut json)
            };
            read.map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// Tools: counts them, and collects the models that they name.
pub(super) struct Tools<'n> {
    pub(super) each: Within<'n>,
    pub(super) count: &'n mut i64,
}

impl<'b> DeserializeSeed<'b> for Tools<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        let Within { names, levels } = self.each;
        let raw = <&RawValue>::deserialize(deserializer)?;
        let mut json = serde_json::Deserializer::from_str(raw.get());
        match raw.get().chars().next() {
            Some('[') => json.deserialize_seq(Members { each: Within { names, levels }, count: self.count }),
            Some('n') => Skip.deserialize(&mut json),
            _ => {
                *self.count += 1;
                Within { names, levels: levels + 1 }.deserialize(&mut json)
            }
        }
        .map_err(D::Error::custom)
    }
}

struct Members<'n> {
    each: Within<'n>,
    count: &'n mut i64,
}

impl<'b> Visitor<'b> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut seq: A) -> Result<(), A::Error> {
        let Within { names, levels } = self.each;
        while seq.next_element_seed(Within { names: &mut *names, levels })?.is_some() {
            *self.count += 1;
        }
        Ok(())
    }
}

/// Collects the models in a list, and passes over everything else.
struct ListedNames<'n>(&'n mut Vec<ModelName>);

impl<'b> DeserializeSeed<'b> for ListedNames<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let mut json = serde_json::Deserializer::from_str(raw.get());
        let seen = if raw.get().starts_with('[') {
            Names(self.0).deserialize(&mut json)
        } else {
            Skip.deserialize(&mut json)
        };
        seen.map_err(D::Error::custom)
    }
}

/// Validates a value and forgets it. Unlike `IgnoredAny` it decodes every string, so that a lone surrogate is refused,
/// and counts depth, which the JSON reader limits to 128.
pub(super) struct Skip;

impl<'b> DeserializeSeed<'b> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for Skip {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Skip)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Skip)?.is_some() {
            map.next_value_seed(Skip)?;
        }
        Ok(())
    }
}
