//! Parses text into a tree in which every key and value has its position.

use std::collections::HashSet;
use std::fmt;

use foldhash::fast::RandomState;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Location, Options, SnippetMode, Spanned};

use super::key_name::name_in;
use super::{path, syntax};
use crate::config::problem::Problem;

/// A range of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Span {
    /// The first byte.
    pub(in crate::config) start: usize,
    /// The number of bytes.
    pub(in crate::config) len: usize,
    /// The line of the first byte, counted from 1.
    pub(in crate::config) line: u32,
}

/// A value and its position. For a value from an alias or a merge key, the position is that of the original.
pub(in crate::config) struct Node {
    pub(in crate::config) value: Value,
    span: Span,
}

/// The positions of a key and of its value. A list item has no key, so both are its own.
pub(in crate::config) struct Place {
    pub(in crate::config) key: Span,
    pub(in crate::config) value: Span,
}

/// The values of YAML. As in PyYAML, plain `yes`, `on` and similar words are booleans.
pub(in crate::config) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    String(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A key of a mapping with its value.
pub(in crate::config) struct Entry {
    pub(in crate::config) key: String,
    pub(in crate::config) key_span: Span,
    pub(in crate::config) value: Node,
}

impl Node {
    /// A text in the place of this value.
    pub(in crate::config) fn with_text(&self, text: String) -> Self {
        Self { value: Value::String(text), span: self.span }
    }

    /// The tree of a file with exactly one YAML (or JSON) document. Keys may repeat: see [`Self::take_duplicates`].
    pub(in crate::config) fn parse(text: &str) -> Result<Self, (Problem, Option<Span>)> {
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| problem(&error, text))
    }

    /// Removes and returns every duplicate key. The first occurrence is kept.
    pub(in crate::config) fn take_duplicates(&mut self, found: &mut Vec<(Problem, Option<Span>)>) {
        match &mut self.value {
            Value::Mapping(entries) => {
                let mut seen = HashSet::with_capacity_and_hasher(entries.len(), RandomState::default());
                let mut repeated = Vec::new();
                for (i, entry) in entries.iter().enumerate() {
                    if !seen.insert(entry.key.as_str()) {
                        repeated.push(i);
                    }
                }
                for i in repeated.into_iter().rev() {
                    let Entry { key, key_span, .. } = entries.remove(i);
                    let key = name_in(&key).to_owned();
                    found.push((Problem::DuplicateKey { key }, Some(key_span)));
                }
                entries.iter_mut().for_each(|entry| entry.value.take_duplicates(found));
            }
            Value::Sequence(items) => items.iter_mut().for_each(|item| item.take_duplicates(found)),
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {}
        }
    }

    /// The position for a diagnostic. A block mapping has no width, so its first key is used.
    pub(in crate::config) fn span(&self) -> Span {
        match (&self.value, self.span.len) {
            (Value::Mapping(entries), 0) => entries.first().map_or(self.span, |first| first.key_span),
            (Value::Sequence(items), 0) => items.first().map_or(self.span, Self::span),
            _ => self.span,
        }
    }

    /// The position of a path such as `teams[0].models`.
    pub(in crate::config) fn place(&self, path: &str) -> Option<Place> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find_map(|entry| {
                let (value, key) = (&entry.value, entry.key_span);
                match path::below_key(path, &entry.key)? {
                    "" => Some(Place { key, value: value.span() }),
                    rest => value.place(rest),
                }
            }),
            Value::Sequence(items) => {
                let (index, rest) = path::below_index(path)?;
                let item = items.get(index)?;
                if rest.is_empty() {
                    Some(Place { key: item.span(), value: item.span() })
                } else {
                    item.place(rest)
                }
            }
            _ => None,
        }
    }

    /// Whether a value is missing or switched off.
    pub(in crate::config) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null | Value::Bool(false))
    }

    /// The value at `key` of a mapping.
    pub(in crate::config) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Mapping(entries) = &self.value else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}

impl Value {
    /// The description of the value in error messages.
    pub(in crate::config) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

pub(in crate::config) fn options() -> Options {
    serde_saphyr::options! {
        // The limits allow some hundred thousand teams, but no alias bomb.
        budget: serde_saphyr::budget! { max_events: 10_000_000, max_nodes: 5_000_000, max_depth: 32 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
        with_snippet: false,
        // All duplicates are reported, not only the first: see `take_duplicates`.
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::PassThrough,
    }
}

fn problem(error: &Error, text: &str) -> (Problem, Option<Span>) {
    let span = error.location().map(|location| span_in(text, location));
    let problem = match error.without_snippet() {
        Error::MultipleDocuments { .. } => Problem::Syntax {
            message: "more than one YAML document in the file".to_owned(),
            help: Some("remove the line `---` and what does not belong below it".to_owned()),
        },
        other => {
            let message =
                other.render_with_options(serde_saphyr::render_options! { snippets: SnippetMode::Off });
            syntax::problem(&message)
        }
    };
    (problem, span)
}

/// The span of a location. Errors of the scanner only have a line and a column.
fn span_in(text: &str, location: Location) -> Span {
    let line = u32::try_from(location.line()).unwrap_or(u32::MAX);
    if let Some(start) = location.span().byte_offset() {
        let len = location.span().byte_len().unwrap_or(0);
        return Span { start: to_usize(start), len: to_usize(len), line };
    }
    let line_start: usize =
        text.split_inclusive('\n').take(to_usize(location.line().saturating_sub(1))).map(str::len).sum();
    let column = to_usize(location.column().saturating_sub(1));
    let in_line: usize = text.get(line_start..).unwrap_or("").chars().take(column).map(char::len_utf8).sum();
    Span { start: (line_start + in_line).min(text.len()), len: 0, line }
}

fn to_usize(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn span(location: Location) -> Span {
    let (start, len) = (location.span().byte_offset(), location.span().byte_len());
    let line = u32::try_from(location.line()).unwrap_or(u32::MAX);
    Span { start: to_usize(start.unwrap_or(0)), len: to_usize(len.unwrap_or(0)), line }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { value: spanned.value, span: span(spanned.defined) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Node>()? {
            entries.push(Entry { key_span: span(key.defined), key: key.value, value });
        }
        Ok(Value::Mapping(entries))
    }
}
