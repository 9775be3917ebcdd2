//! The fields of a form and their combined meaning.

use std::borrow::Cow;
use std::ops::Range;

use super::field::{Field, field, is_litellms};
use crate::request::head::pairs::{Value, decode, pairs};
use crate::request::keys::api_members::LiteLlmMembers;
use crate::request::models::collect::Found;
use crate::request::models::content::{Content, Slot};
use crate::request::models::zone::{Depth, Zone};

/// Reads an `application/x-www-form-urlencoded` body.
pub(in crate::request) fn read(body: &[u8]) -> Result<Content<'static>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut fields = Fields::default();
    let mut is_named = false;
    for pair in pairs(text) {
        let name = decode(pair.key)?;
        let Some(field) = field(&name)? else { continue };
        if field == Field::Text && !may_be_json(pair.value) {
            fields.note(&name);
            continue;
        }
        is_named |= matches!(field, Field::Model | Field::Name | Field::Reference(_));
        fields.set(&name, field, Value { text: decode(pair.value)?.into_owned(), range: pair.range })?;
    }
    if text.contains(';') && is_named {
        return Err("some parsers split fields at `;`".to_owned());
    }
    let mut content = fields.into_content(Slot::Form);
    content.slot.get_or_insert(Slot::Fields);
    Ok(content)
}

/// Whether a value, as it was sent, begins like an object or a list after any blanks.
fn may_be_json(value: &str) -> bool {
    let value = value.trim_start_matches(['+', ' ']);
    let begins = ["{", "[", "%7b", "%5b", "%0", "%20"];
    begins.iter().any(|begin| value.get(..begin.len()).is_some_and(|start| start.eq_ignore_ascii_case(begin)))
}

/// The form fields that affect the decision.
#[derive(Debug, Default)]
pub(super) struct Fields {
    model: Option<Value>,
    purpose: Option<Value>,
    stream: Option<Value>,
    pub(super) found: Found<'static>,
    litellm_members: LiteLlmMembers,
}

impl Fields {
    /// Records that a field of this name exists.
    pub(super) fn note(&mut self, name: &str) {
        if is_litellms(name) {
            self.litellm_members.note(name);
        }
    }

    /// Reads the value of a field.
    pub(super) fn set(&mut self, name: &str, field: Field, value: Value) -> Result<(), String> {
        self.note(name);
        let place = match field {
            Field::Model => &mut self.model,
            Field::Purpose => &mut self.purpose,
            Field::Stream => &mut self.stream,
            Field::Number(usage) => return self.found.number_in(usage, name, &value.text),
            Field::Name if matches!(value.text.as_str(), "" | "true" | "false") => return Ok(()),
            Field::Name => return self.found.names.add(&value.text),
            Field::Reference(key) => return self.found.names.add_reference(key, &value.text),
            Field::Image => {
                self.found.model_use.images = true;
                return Ok(());
            }
            Field::Audio => {
                self.found.model_use.audio = true;
                return Ok(());
            }
            Field::Text => return self.text(name, &value.text),
        };
        if place.replace(value).is_some() {
            Err(format!("the field `{field}` is given twice"))
        } else {
            Ok(())
        }
    }

    /// Reads a text that may be JSON. Other text has no meaning.
    fn text(&mut self, name: &str, text: &str) -> Result<(), String> {
        if !text.trim_start().starts_with(['{', '[']) {
            return Ok(());
        }
        let zone = self.found.zone_in_settings(name, Depth::Top).unwrap_or(Zone::Settings(Depth::Other));
        match self.found.read_text(text, zone) {
            Err(why) if may_name_model(text) => Err(format!("the field `{name}` may be JSON: {why}")),
            _ => Ok(()),
        }
    }

    /// Whether the form says that its files are batches.
    pub(super) fn may_be_batch(&self) -> bool {
        self.purpose.as_ref().is_none_or(|purpose| purpose.text.trim().eq_ignore_ascii_case("batch"))
    }

    pub(super) fn into_content(self, slot: impl FnOnce(Range<usize>) -> Slot) -> Content<'static> {
        let Self { model, stream, mut found, litellm_members, .. } = self;
        found.model_use.stream |= stream.is_some_and(|stream| is_true(&stream.text));
        let (model, slot) = model.map(|model| (Cow::Owned(model.text), slot(model.range))).unzip();
        let Found { names, model_use, .. } = found;
        Content { model, has_prefix: false, slot, names, model_use, litellm_members, upload_part: None }
    }
}

/// Whether some reader parses the text as `true`.
fn is_true(text: &str) -> bool {
    ["true", "1", "t", "yes", "y", "on"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// Whether a text that is almost JSON may name a model to a lenient reader.
fn may_name_model(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["model", "deployment", "fallback", "\\u"].iter().any(|word| lower.contains(word))
}
