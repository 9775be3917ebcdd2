//! Reads the facts about models in a JSON body, once and strictly, without a tree.

use super::collect::Found;
use super::content::{Content, Slot};
use super::rules::Rules;
use super::zone::Depth;
use crate::request::json::scan::{Json, Kind, MAX_DEPTH};
use crate::request::json::walk::{Nothing, walk};
use crate::request::keys::api_members::is_api_member;
use crate::request::keys::members::{MEMBERS, Member};
use crate::request::keys::spelling::{Spelling, is_disguised};
use crate::request::malformed::Malformed;

/// Reads a body that must be one JSON object. Reports excessive depth as its own error.
pub(in crate::request) fn read_within<'b>(
    body: &'b [u8],
    depth: usize,
    rules: Rules<'_>,
) -> Result<Content<'b>, Malformed> {
    // The reader's own limit costs nothing. A lower limit needs another pass.
    if depth < MAX_DEPTH && is_deeper(body, depth) {
        return Err(Malformed::Depth { limit: depth });
    }
    read(body, rules).map_err(|error| {
        if is_deeper(body, MAX_DEPTH) {
            Malformed::Depth { limit: MAX_DEPTH }
        } else {
            Malformed::Body(error)
        }
    })
}

/// Whether arrays and objects are nested deeper than `limit`, as far as the body is JSON.
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
pub(in crate::request) fn read<'b>(body: &'b [u8], rules: Rules<'_>) -> Result<Content<'b>, String> {
    let mut json = Json::new(body)?;
    let mut content = top_level(&mut json, rules)?;
    json.end()?;
    if content.slot.is_none() {
        let text = json.text();
        let at = text.find('{').map_or(0, |brace| brace + 1);
        let is_empty = text.get(at..).is_some_and(|rest| rest.trim_start().starts_with('}'));
        content.slot = Some(Slot::Object { at, is_empty });
    }
    Ok(content)
}

/// Reads an object as a body.
fn top_level<'b>(json: &mut Json<'b>, rules: Rules<'_>) -> Result<Content<'b>, String> {
    let mut found = Found { rules, ..Found::default() };
    let mut content = Content::default();
    // One bit for each known member.
    let mut seen = 0_u128;
    json.object(|json, key| {
        let key = key.decoded()?;
        let Some((number, known, member)) = MEMBERS.get(&key) else {
            check_spelling(&key)?;
            if !is_api_member(&key) {
                content.litellm_members.note(&key);
            }
            let zone = found.zone_in_settings(&key, Depth::Top)?;
            return found.read(json, zone);
        };
        if seen & 1 << number != 0 {
            return Err(format!("the key `{key}` is given twice"));
        }
        seen |= 1 << number;
        if member.is_litellms() {
            content.litellm_members.note(&key);
        }
        if member == Member::Model {
            return read_model(json, &mut content);
        }
        check_kind(json, &key, member)?;
        let zone = found.zone_of(known, member, Depth::Top)?;
        found.read(json, zone)
    })?;
    let Found { names, model_use, elsewhere, .. } = found;
    content.model_use = model_use;
    content.model_use.raised_by(&elsewhere);
    content.names = names;
    if let Some(name) = &mut content.model {
        let judged = rules.name(name);
        if judged.len() != name.len() {
            *name = judged.to_owned().into();
            content.has_prefix = true;
        }
    }
    Ok(content)
}

/// Refuses a key that is unknown here but that another reader would treat as a known one.
fn check_spelling(key: &str) -> Result<(), String> {
    let spelling = Spelling::of(key);
    match MEMBERS.in_any_case(spelling.as_read()) {
        Some((name, member, _)) if member.has_one_spelling() => {
            Err(format!("a key is spelled almost like `{name}`"))
        }
        _ => Ok(()),
    }
}

/// Refuses a value that some readers would convert, such as a number in a string.
fn check_kind(json: &mut Json<'_>, key: &str, member: Member) -> Result<(), String> {
    let (expected, what) = match member {
        Member::Stream => (Kind::Bool, "`true` or `false`"),
        Member::MaxTokens | Member::N | Member::Temperature => (Kind::Number, "a number"),
        _ => return Ok(()),
    };
    let kind = json.next_kind()?;
    // The realtime API's value for no limit.
    let is_word = kind == Kind::Text && key == "max_response_output_tokens";
    // `null` and absence are equal in every API.
    if kind == expected || kind == Kind::Null || is_word {
        Ok(())
    } else {
        Err(format!("`{key}` is not {what}"))
    }
}

fn read_model<'b>(json: &mut Json<'b>, content: &mut Content<'b>) -> Result<(), String> {
    let kind = json.next_kind()?;
    let mut name = None;
    let (start, token) = json.spanned(|json| {
        if kind != Kind::Text {
            return walk(json, Nothing);
        }
        name = Some(json.string()?.decoded()?);
        Ok(())
    })?;
    let range = start..start + token.len();
    match kind {
        Kind::Text => content.slot = Some(Slot::Json(range)),
        Kind::Null => content.slot = Some(Slot::Null(range)),
        _ => return Err("`model` is not a string".to_owned()),
    }
    content.model = name;
    Ok(())
}

/// The facts in a line of a batch.
#[derive(Debug, Default)]
pub(in crate::request) struct Line<'b> {
    /// The path for `body`.
    pub(in crate::request) url: Option<String>,
    /// The body of the request in this line.
    pub(in crate::request) body: Option<Content<'b>>,
}

/// Reads a line of a batch, which must be one JSON object.
pub(in crate::request) fn read_line(line: &[u8]) -> Result<Line<'_>, String> {
    let mut json = Json::new(line)?;
    let mut line = Line::default();
    json.object(|json, key| {
        let key = key.decoded()?;
        let is_twice = match &*key {
            "url" => {
                let mut url = None;
                if json.next_kind()? == Kind::Text {
                    url = Some(json.string()?.decoded()?.into_owned());
                } else {
                    walk(json, Nothing)?;
                }
                line.url.replace(url.ok_or("`url` is not a string")?).is_some()
            }
            "body" | "request" => line.body.replace(top_level(json, Rules::default())?).is_some(),
            other if ["url", "body", "request"].iter().any(|name| is_disguised(other, name)) => {
                return Err("a key is spelled almost like `url` or `body`".to_owned());
            }
            _ => return walk(json, Nothing),
        };
        if is_twice { Err(format!("the key `{key}` is given twice")) } else { Ok(()) }
    })?;
    json.end()?;
    Ok(line)
}
