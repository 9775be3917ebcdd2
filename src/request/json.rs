//! What a JSON body says about models, read once, strictly, without building a tree.

use super::Malformed;
use super::content::{Content, Slot};
use super::details::{self, Detail};
use super::further::{Models, Tools, Where};
use super::places::{self, Reads};
use super::scan::{Json, Kind, MAX_DEPTH, decoded};
use super::spelling::{Spelling, is_disguised};
use super::walk::{Nothing, raw, walk};

/// Reads a body that must be one JSON object, and says so if its depth is what is wrong with it.
pub(super) fn read_within(body: &[u8], depth: usize) -> Result<Content<'_>, Malformed> {
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
pub(super) fn read(body: &[u8]) -> Result<Content<'_>, String> {
    let mut json = Json::new(body)?;
    let mut content = Content::default();
    top_level(&mut json, &mut content)?;
    json.end()?;
    if content.slot.is_none() {
        let text = json.text();
        let at = text.find('{').map_or(0, |brace| brace + 1);
        let is_empty = text.get(at..).is_some_and(|rest| rest.trim_start().starts_with('}'));
        content.slot = Some(Slot::Object { at, is_empty });
    }
    Ok(content)
}

/// What a key at the top level is for.
enum Field {
    Place(Reads),
    Detail(Detail),
}

/// What the key is for, and its number among all that are for something.
fn field(key: &str) -> Option<(usize, Field)> {
    if let Some((at, reads)) = places::FIELDS.get(key) {
        return Some((at, Field::Place(reads)));
    }
    if let Some((at, detail)) = details::NUMBERS.get(key) {
        return Some((places::FIELDS.len() + at, Field::Detail(detail)));
    }
    let (at, detail) = details::OTHERS.get(key)?;
    Some((places::FIELDS.len() + details::NUMBERS.len() + at, Field::Detail(detail)))
}

/// Refuses a key that is for nothing, but would be for something to another reader.
fn check_spelling(key: &str) -> Result<(), String> {
    let spelling = Spelling::of(key);
    let name = spelling.as_read();
    match places::FIELDS.in_any_case(name).or_else(|| details::NUMBERS.in_any_case(name)) {
        Some(name) => Err(format!("a key is spelled almost like `{name}`")),
        None => Ok(()),
    }
}

fn top_level<'b>(json: &mut Json<'b>, content: &mut Content<'b>) -> Result<(), String> {
    // A bit for each number.
    let mut seen = 0_u64;
    json.object(|json, key| {
        let key = key.decoded()?;
        let Some((number, field)) = field(&key) else {
            check_spelling(&key)?;
            return walk(json, Nothing);
        };
        if seen & 1 << number != 0 {
            return Err(format!("the key `{key}` is given twice"));
        }
        seen |= 1 << number;
        match field {
            Field::Place(reads) => read_place(json, reads, content),
            Field::Detail(detail) => detail.read(json, &mut content.model_use),
        }
    })
}

fn read_place<'b>(json: &mut Json<'b>, reads: Reads, content: &mut Content<'b>) -> Result<(), String> {
    let Content { model, slot, further: names, model_use } = content;
    match reads {
        Reads::Model => {
            let mut name = None;
            let (start, token) = json.spanned(|json| {
                if json.next_kind()? != Kind::Text {
                    return walk(json, Nothing);
                }
                name = Some(json.string()?.decoded()?);
                Ok(())
            })?;
            *model = Some(name.ok_or("`model` is not a string")?);
            *slot = Some(Slot::Json(start..start + token.len()));
            Ok(())
        }
        Reads::Names => walk(json, Models { names, place: Where::Names }),
        Reads::Tools => walk(json, Tools { names, count: &mut model_use.tools }),
        Reads::Within(levels) => walk(json, Models { names, place: Where::Within(levels) }),
        // `null` and absence mean the same to every API.
        Reads::Stream => {
            model_use.stream = match raw(json)?.1 {
                "true" => true,
                "false" | "null" => false,
                other => decoded(other)?,
            };
            Ok(())
        }
    }
}

/// What a line of a batch says.
#[derive(Debug, Default)]
pub(super) struct Line<'b> {
    /// The path that `body` is for.
    pub url: Option<String>,
    /// What would be the body of a request of its own.
    pub body: Option<Content<'b>>,
}

/// Reads a line of a batch, which must be one JSON object.
pub(super) fn read_line(line: &[u8]) -> Result<Line<'_>, String> {
    let mut json = Json::new(line)?;
    let mut line = Line::default();
    json.object(|json, key| {
        let key = key.decoded()?;
        let is_twice = match &*key {
            "url" => line.url.replace(decoded(raw(json)?.1)?).is_some(),
            "body" => {
                let mut body = Content::default();
                top_level(json, &mut body)?;
                line.body.replace(body).is_some()
            }
            other if ["url", "body"].iter().any(|name| is_disguised(other, name)) => {
                return Err("a key is spelled almost like `url` or `body`".to_owned());
            }
            _ => return walk(json, Nothing),
        };
        if is_twice { Err(format!("the key `{key}` is given twice")) } else { Ok(()) }
    })?;
    json.end()?;
    Ok(line)
}
