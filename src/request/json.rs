//! What a JSON body says about models, read once, strictly, without building a tree.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Malformed;
use super::content::{Content, Slot};
use super::details::Detail;
use super::further::{Models, Tools, Where};
use super::places::{self, Reads, is_disguised};
use super::walk::{Nothing, Walk};

/// How many arrays and objects may stand inside each other: the reader goes no deeper.
pub(super) const MAX_DEPTH: usize = 127;

/// Reads a body that must be one JSON object, and says so if its depth is what is wrong with it.
pub(super) fn read_within(body: &[u8], depth: usize) -> Result<Content, Malformed> {
    // The reader's own limit costs nothing, a lower one another look.
    if depth < MAX_DEPTH && is_deeper(body, depth) {
        return Err(Malformed::Depth { limit: depth });
    }
    read(body).map_err(|error| {
        if is_deeper(body, MAX_DEPTH) {
            Malformed::Depth { limit: MAX_DEPTH }
        } else {
            Malformed::Body(error)
        }
    })
}

/// Whether more arrays and objects than that stand inside each other, as far as the body is JSON.
fn is_deeper(body: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Reads a body that must be one JSON object.
pub(super) fn read(body: &[u8]) -> Result<Content, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut json = serde_json::Deserializer::from_str(text);
    let content = json.deserialize_map(TopLevel { text }).and_then(|content| json.end().map(|()| content));
    let mut content = content.map_err(|error| error.to_string())?;
    if content.slot.is_none() {
        let at = text.find('{').map_or(0, |brace| brace + 1);
        let is_empty = text.get(at..).is_some_and(|rest| rest.trim_start().starts_with('}'));
        content.slot = Some(Slot::Object { at, is_empty });
    }
    Ok(content)
}

fn further(content: &mut Content, place: Where) -> Walk<Models<'_>> {
    Walk(Models { names: &mut content.further, place })
}

/// What a key at the top level is for.
enum Field {
    Place(Reads),
    Detail(Detail),
}

fn field(key: &str) -> Result<Option<(&'static str, Field)>, String> {
    if let Some((name, reads)) = places::json_field(key)? {
        return Ok(Some((name, Field::Place(reads))));
    }
    Ok(Detail::of(key)?.map(|(name, detail)| (name, Field::Detail(detail))))
}

struct TopLevel<'b> {
    text: &'b str,
}

impl<'b> Visitor<'b> for TopLevel<'b> {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut content = Content::default();
        let mut seen = Vec::new();
        while let Some(key) = map.next_key::<Cow<'b, str>>()? {
            let Some((name, reads)) = field(&key).map_err(A::Error::custom)? else {
                map.next_value_seed(Walk(Nothing))?;
                continue;
            };
            if seen.contains(&name) {
                return Err(A::Error::custom(format_args!("the key `{name}` is given twice")));
            }
            seen.push(name);
            let reads = match reads {
                Field::Place(reads) => reads,
                Field::Detail(detail) => {
                    detail.read(&mut map, &mut content.model_use)?;
                    continue;
                }
            };
            match reads {
                Reads::Model => {
                    let (model, span) = self.model(map.next_value()?)?;
                    content.model = Some(model);
                    content.slot = Some(Slot::Json(span));
                }
                Reads::Names => map.next_value_seed(further(&mut content, Where::Names))?,
                Reads::Tools => {
                    let Content { further, model_use, .. } = &mut content;
                    map.next_value_seed(Walk(Tools { names: further, count: &mut model_use.tools }))?
                }
                Reads::Within(levels) => map.next_value_seed(further(&mut content, Where::Within(levels)))?,
                // `null` and absence mean the same to every API.
                Reads::Stream => {
                    content.model_use.stream = map.next_value::<Option<bool>>()?.unwrap_or(false)
                }
            }
        }
        Ok(content)
    }
}

impl<'b> TopLevel<'b> {
    fn model<E: serde::de::Error>(&self, raw: &'b RawValue) -> Result<(String, Range<usize>), E> {
        let token = raw.get();
        let name: String = serde_json::from_str(token).map_err(|_| E::custom("`model` is not a string"))?;
        let start = (token.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        Ok((name, start..start + token.len()))
    }
}

/// What a line of a batch says.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The path that `body` is for.
    pub url: Option<String>,
    /// What would be the body of a request of its own.
    pub body: Option<Content>,
}

/// Reads a line of a batch, which must be one JSON object.
pub(super) fn read_line(line: &[u8]) -> Result<Line, String> {
    let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_map(BatchLine { text }).and_then(|line| json.end().map(|()| line));
    read.map_err(|error| error.to_string())
}

struct BatchLine<'b> {
    text: &'b str,
}

impl<'b> Visitor<'b> for BatchLine<'b> {
    type Value = Line;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<Line, A::Error> {
        let mut line = Line::default();
        while let Some(key) = map.next_key::<Cow<'b, str>>()? {
            let twice = match key.as_ref() {
                "url" => line.url.replace(map.next_value()?).is_some(),
                "body" => line.body.replace(map.next_value_seed(TopLevel { text: self.text })?).is_some(),
                other if ["url", "body"].iter().any(|name| is_disguised(other, name)) => {
                    return Err(A::Error::custom("a key is spelled almost like `url` or `body`"));
                }
                _ => {
                    map.next_value_seed(Walk(Nothing))?;
                    false
                }
            };
            if twice {
                return Err(A::Error::custom(format_args!("the key `{key}` is given twice")));
            }
        }
        Ok(line)
    }
}

impl<'b> DeserializeSeed<'b> for TopLevel<'b> {
    type Value = Content;

    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_map(self)
    }
}
