//! Further models: those that an upstream may use besides the one that is asked for.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

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
                map.next_value_seed(Within { names: &mut *self.0, look: Look::List })?;
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

/// Where in a value models are named.
#[derive(Clone, Copy)]
pub(super) enum Look {
    /// In the value itself, if it is a list.
    List,
    /// At the key `model`, at most so many lists and objects down.
    Within(u8),
    /// In the value itself, if it is a string; else as above.
    Here(u8),
}

/// Collects the models there, and passes over everything else.
pub(super) struct Within<'n> {
    pub(super) names: &'n mut Vec<ModelName>,
    pub(super) look: Look,
}

impl<'b> DeserializeSeed<'b> for Within<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for Within<'_> {
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

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        match self.look {
            Look::Here(_) => add(self.names, text).map_err(E::custom),
            Look::List | Look::Within(_) => Ok(()),
        }
    }

    fn visit_seq<A: SeqAccess<'b>>(self, seq: A) -> Result<(), A::Error> {
        match self.look {
            Look::List => Names(self.names).visit_seq(seq),
            Look::Within(0) | Look::Here(0) => Skip.visit_seq(seq),
            Look::Within(levels) | Look::Here(levels) => {
                let (names, mut seq, look) = (self.names, seq, Look::Within(levels - 1));
                while seq.next_element_seed(Within { names: &mut *names, look })?.is_some() {}
                Ok(())
            }
        }
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        let levels = match self.look {
            Look::List | Look::Within(0) | Look::Here(0) => return Skip.visit_map(map),
            Look::Within(levels) | Look::Here(levels) => levels - 1,
        };
        while let Some(key) = map.next_key::<String>()? {
            let look = if is_model(&key)? { Look::Here(levels) } else { Look::Within(levels) };
            map.next_value_seed(Within { names: &mut *self.names, look })?;
        }
        Ok(())
    }
}

/// Counts tools, and collects the models that they name.
pub(super) struct Tools<'n> {
    pub(super) names: &'n mut Vec<ModelName>,
    pub(super) count: &'n mut i64,
}

impl<'b> DeserializeSeed<'b> for Tools<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for Tools<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tools")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut seq: A) -> Result<(), A::Error> {
        let look = Look::Within(1);
        while seq.next_element_seed(Within { names: &mut *self.names, look })?.is_some() {
            *self.count = self.count.saturating_add(1);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'b>>(self, map: A) -> Result<(), A::Error> {
        *self.count = self.count.saturating_add(1);
        Within { names: self.names, look: Look::Within(2) }.visit_map(map)
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
