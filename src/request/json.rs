//! What a JSON body says about models, read once, strictly, without building a tree.

use std::fmt;
use std::ops::Range;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::names::ModelName;

/// What the body's top level says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// The field `model`.
    pub model: Option<ModelField>,
    /// Models in `fallbacks` and `models`, which the upstream may use instead.
    pub further: Vec<ModelName>,
    /// Whether `stream` is true.
    pub stream: bool,
}

/// A model and where its JSON string stands in the body, quotes included.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ModelField {
    pub name: String,
    pub span: Range<usize>,
}

/// Whether `key` would be read as `name` by a reader that folds case, as Go's does, although it is not `name`.
pub(super) fn is_disguised(key: &str, name: &str) -> bool {
    // U+017F and U+212A fold to `s` and `k`.
    let folded = key.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    });
    key != name && folded.eq(name.chars())
}

/// Reads a body that must be one JSON object.
pub(super) fn read(body: &[u8]) -> Result<Content, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut json = serde_json::Deserializer::from_str(text);
    let content = json.deserialize_map(TopLevel { text }).and_then(|content| json.end().map(|()| content));
    content.map_err(|error| error.to_string())
}

struct TopLevel<'b> {
    text: &'b str,
}

#[derive(Default)]
struct Seen {
    fallbacks: bool,
    models: bool,
    stream: bool,
}

const FIELDS: [&str; 4] = ["model", "models", "fallbacks", "stream"];

impl<'b> Visitor<'b> for TopLevel<'b> {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut content = Content::default();
        let mut seen = Seen::default();
        while let Some(key) = map.next_key::<std::borrow::Cow<'b, str>>()? {
            let twice = match key.as_ref() {
                "model" => content.model.replace(self.model(map.next_value()?)?).is_some(),
                "models" => {
                    map.next_value_seed(Names(&mut content.further))?;
                    std::mem::replace(&mut seen.models, true)
                }
                "fallbacks" => {
                    map.next_value_seed(Names(&mut content.further))?;
                    std::mem::replace(&mut seen.fallbacks, true)
                }
                "stream" => {
                    // `null` and absence mean the same to every API.
                    content.stream = map.next_value::<Option<bool>>()?.unwrap_or(false);
                    std::mem::replace(&mut seen.stream, true)
                }
                other => {
                    if let Some(field) = FIELDS.iter().find(|field| is_disguised(other, field)) {
                        return Err(A::Error::custom(format_args!("a key is spelled almost like `{field}`")));
                    }
                    map.next_value_seed(Skip)?;
                    false
                }
            };
            if twice {
                return Err(A::Error::custom(format_args!("the key `{key}` is given twice")));
            }
        }
        Ok(content)
    }
}

impl<'b> TopLevel<'b> {
    fn model<E: serde::de::Error>(&self, raw: &'b RawValue) -> Result<ModelField, E> {
        let token = raw.get();
        let name: String = serde_json::from_str(token).map_err(|_| E::custom("`model` is not a string"))?;
        if name.is_empty() {
            return Err(E::custom("`model` is empty"));
        }
        let start = (token.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        Ok(ModelField { name, span: start..start + token.len() })
    }
}

/// The most models that `models` and `fallbacks` may name together.
const MAX_FURTHER: usize = 64;

/// Collects the models in `models` or `fallbacks`: names, lists of them, objects whose values are lists (their keys are
/// models that are replaced, not used), and objects with a `model` among other parameters.
struct Names<'n>(&'n mut Vec<ModelName>);

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
        let name = ModelName::new(name).map_err(|_| E::custom("a fallback model is empty"))?;
        if !self.0.contains(&name) {
            self.0.push(name);
        }
        if self.0.len() > MAX_FURTHER { Err(E::custom("too many fallback models")) } else { Ok(()) }
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Names(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if is_disguised(&key, "model") {
                return Err(A::Error::custom("a key is spelled almost like `model`"));
            }
            if key == "model" {
                map.next_value_seed(Names(&mut *self.0))?;
            } else {
                map.next_value_seed(ListedNames(&mut *self.0))?;
            }
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
struct Skip;

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
