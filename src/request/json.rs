//! What a JSON body says about models, read once, strictly, without building a tree.

use super::content::{Content, Slot};
use super::details::Detail;
use super::further::{Models, Tools, Where};
use super::places::{self, Reads, is_disguised};
use super::scan::{Json, decoded};
use super::walk::{Nothing, raw, walk};

/// Reads a body that must be one JSON object.
pub(super) fn read(body: &[u8]) -> Result<Content, String> {
    let mut json = Json::new(body)?;
    let mut content = top_level(&mut json)?;
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

fn field(key: &str) -> Result<Option<(&'static str, Field)>, String> {
    if let Some((name, reads)) = places::json_field(key)? {
        return Ok(Some((name, Field::Place(reads))));
    }
    Ok(Detail::of(key)?.map(|(name, detail)| (name, Field::Detail(detail))))
}

fn top_level(json: &mut Json<'_>) -> Result<Content, String> {
    let mut content = Content::default();
    let mut seen = Vec::new();
    json.object(|json, key| {
        let Some((name, field)) = field(key)? else { return walk(json, Nothing) };
        if seen.contains(&name) {
            return Err(format!("the key `{name}` is given twice"));
        }
        seen.push(name);
        match field {
            Field::Place(reads) => read_place(json, reads, &mut content),
            Field::Detail(detail) => detail.read(json, &mut content.model_use),
        }
    })?;
    Ok(content)
}

fn read_place(json: &mut Json<'_>, reads: Reads, content: &mut Content) -> Result<(), String> {
    let Content { model, slot, further: names, model_use } = content;
    match reads {
        Reads::Model => {
            let (start, token) = raw(json)?;
            *model = Some(decoded(token).map_err(|_| "`model` is not a string")?);
            *slot = Some(Slot::Json(start..start + token.len()));
            Ok(())
        }
        Reads::Names => walk(json, Models { names, place: Where::Names }),
        Reads::Tools => walk(json, Tools { names, count: &mut model_use.tools }),
        Reads::Within(levels) => walk(json, Models { names, place: Where::Within(levels) }),
        // `null` and absence mean the same to every API.
        Reads::Stream => {
            model_use.stream = decoded::<Option<bool>>(raw(json)?.1)?.unwrap_or(false);
            Ok(())
        }
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
    let mut json = Json::new(line)?;
    let mut line = Line::default();
    json.object(|json, key| {
        let is_twice = match key {
            "url" => line.url.replace(decoded(raw(json)?.1)?).is_some(),
            "body" => line.body.replace(top_level(json)?).is_some(),
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
