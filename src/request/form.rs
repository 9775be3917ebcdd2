//! Pairs as forms and queries write them, and the fields of forms.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;

use super::ModelUse;
use super::content::{Content, Slot};
use super::places::{self, FormField};

/// One value and where it stands, as it was sent.
pub(super) struct Value {
    pub(super) text: String,
    pub(super) range: Range<usize>,
}

/// Reads an `application/x-www-form-urlencoded` body.
pub(super) fn read(body: &[u8]) -> Result<Content<'static>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut fields = Fields::default();
    for pair in pairs(text) {
        if let Some(field) = places::form_field(&decode(pair.key)?)? {
            fields.set(field, Value { text: decode(pair.value)?.into_owned(), range: pair.range })?;
        }
    }
    if text.contains(';') && fields.model.is_some() {
        return Err("a `;` separates fields to some readers".to_owned());
    }
    let mut content = fields.into_content(Slot::Form);
    content.slot.get_or_insert(Slot::Fields);
    Ok(content)
}

/// The fields of a form that count, each at most once.
#[derive(Default)]
pub(super) struct Fields {
    model: Option<Value>,
    purpose: Option<Value>,
    stream: Option<Value>,
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fields").finish_non_exhaustive()
    }
}

impl Fields {
    pub(super) fn set(&mut self, field: FormField, value: Value) -> Result<(), String> {
        let place = match field {
            FormField::Model => &mut self.model,
            FormField::Purpose => &mut self.purpose,
            FormField::Stream => &mut self.stream,
        };
        if place.replace(value).is_some() {
            Err(format!("the field `{field}` is given twice"))
        } else {
            Ok(())
        }
    }

    /// Whether the files of the form are batches, as far as it says.
    pub(super) fn may_be_batch(&self) -> bool {
        self.purpose.as_ref().is_none_or(|purpose| purpose.text.trim().eq_ignore_ascii_case("batch"))
    }

    pub(super) fn into_content(self, slot: impl FnOnce(Range<usize>) -> Slot) -> Content<'static> {
        let stream = self.stream.is_some_and(|stream| stream.text == "true");
        let (model, slot) = self.model.map(|model| (Cow::Owned(model.text), slot(model.range))).unzip();
        Content { model, slot, further: Vec::new(), model_use: ModelUse { stream, ..ModelUse::default() } }
    }
}

/// A pair, as it was sent, and where its value stands.
pub(super) struct Pair<'t> {
    pub(super) key: &'t str,
    pub(super) value: &'t str,
    pub(super) range: Range<usize>,
}

/// The pairs of a query or a form. `;` is a separator to some readers.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = Pair<'_>> {
    let mut at = 0;
    text.split(['&', ';']).map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let end = at + pair.len();
        at = end + 1;
        Pair { key, value, range: end.saturating_sub(value.len())..end }
    })
}

/// Decodes a key or a value; a broken escape has several readings.
pub(super) fn decode(text: &str) -> Result<Cow<'_, str>, String> {
    let is_broken = |rest: &str| !rest.get(..2).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if text.split('%').skip(1).any(is_broken) {
        return Err("it has a broken escape".to_owned());
    }
    let not_utf8 = |_| "it is not UTF-8".to_owned();
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode_str(&spaced)
            .decode_utf8()
            .map(|s| Cow::Owned(s.into_owned()))
            .map_err(not_utf8);
    }
    percent_decode_str(text).decode_utf8().map_err(not_utf8)
}
