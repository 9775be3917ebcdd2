//! A serde deserializer over the tree. Its errors have positions.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::keys::{self, Verdict};
use super::left_out::{Address, Addresses, address, prune};
use crate::config::litellm::finding::Finding;
use crate::config::problem::Problem;
use crate::config::yaml::environment::{Environment, REFERENCE};
use crate::config::yaml::tree::{Entry, Node, Span, Value};

/// The maximum number of wrong types that are reported together. Each needs another read of the file.
const MOST_ERRORS: usize = 50;

/// Findings of a read, besides the values.
#[derive(Default)]
pub(in crate::config) struct Findings {
    pub(in crate::config) problems: Vec<(Problem, Option<Span>)>,
    /// Keys without effect.
    pub(in crate::config) ignored: Vec<Finding>,
    /// Values of a wrong type, which were not read.
    left_out: Addresses,
}

impl Findings {
    /// Removes the unread values from the tree, so that its positions match the values that were read.
    pub(in crate::config) fn prune(&self, root: &mut Node) {
        if !self.left_out.is_empty() {
            prune(root, &self.left_out);
        }
    }
}

/// Reads `root` into `T`, a struct whose serde names are block names that `keys` knows.
///
/// Serde stops at the first value of a wrong type. That value is then left out and the file is read again, until no
/// other value is wrong. Returns `None` if nothing is left.
pub(in crate::config) fn read<'n, T: Deserialize<'n>>(
    root: &'n Node,
    env: &'n Environment<'n>,
) -> (Option<T>, Findings) {
    let mut problems: Vec<(Problem, Option<Span>)> = Vec::new();
    let mut wrong_types = 0;
    let mut left_out = Addresses::default();
    loop {
        let reader = Reader { env, left_out, incomplete: RefCell::default(), findings: RefCell::default() };
        let result = T::deserialize(NodeReader { node: root, reader: &reader });
        let Reader { left_out: known, incomplete, findings, .. } = reader;
        let mut findings = findings.into_inner();
        left_out = known;
        // A value that is left out is not read again, so its earlier findings must be kept.
        for problem in findings.problems {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        let (value, again) = match result {
            Ok(value) => (Some(value), false),
            Err(ReadError { problem, place }) => {
                let (span, address) = place.unzip();
                let is_missing = matches!(*problem, Problem::MissingKey { .. });
                // A key that was left out is not missing.
                if !(is_missing && address.is_some_and(|address| incomplete.borrow().contains(&address))) {
                    problems.push((*problem, span));
                    wrong_types += 1;
                }
                let is_new = address
                    .is_some_and(|found| found != super::left_out::address(root) && left_out.insert(found));
                (None, is_new && wrong_types < MOST_ERRORS)
            }
        };
        if !again {
            findings.problems = problems;
            findings.left_out = left_out;
            return (value, findings);
        }
    }
}

struct Reader<'n> {
    env: &'n Environment<'n>,
    /// Values of a wrong type.
    left_out: Addresses,
    /// Mappings and lists that a value was removed from.
    incomplete: RefCell<Addresses>,
    findings: RefCell<Findings>,
}

impl Reader<'_> {
    fn refuse(&self, problem: Problem, span: Span) {
        self.findings.borrow_mut().problems.push((problem, Some(span)));
    }

    /// Whether the entry belongs to the struct that is being read.
    fn wants(&self, block: &str, fields: &'static [&'static str], entry: &Entry) -> bool {
        match keys::judge(block, fields, &entry.key, &entry.value.value) {
            Verdict::Read => return true,
            Verdict::Skip => {}
            Verdict::Ignore(effect, reason) => {
                let (key, span) = (keys::full_name(block, &entry.key), entry.key_span);
                self.findings.borrow_mut().ignored.push(Finding { key, span, effect, reason });
            }
            Verdict::Refuse(problem) => self.refuse(problem, entry.key_span),
        }
        false
    }

    /// Whether a value below `parent` is left out.
    fn leaves_out(&self, node: &Node, parent: Address) -> bool {
        let left_out = !self.left_out.is_empty() && self.left_out.contains(&address(node));
        if left_out {
            self.incomplete.borrow_mut().insert(parent);
        }
        left_out
    }
}

#[derive(Debug)]
struct ReadError {
    problem: Box<Problem>,
    place: Option<(Span, Address)>,
}

impl ReadError {
    fn new(problem: Problem) -> Self {
        Self { problem: Box::new(problem), place: None }
    }

    /// Adds the position of this node to the error, unless the error has one already.
    fn or_at(mut self, node: &Node) -> Self {
        self.place = self.place.or_else(|| Some((node.span(), address(node))));
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Problem::Syntax { message: message.to_string(), help: None })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Problem::MissingKey { key: field.to_owned() })
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = match found {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Map => "a mapping",
            _ => "something else",
        };
        let (expected, found) = (expected.to_string(), found.to_owned());
        Self::new(Problem::WrongType { expected, found, help: None })
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        // Types are checked below. The remaining case is an integer out of range.
        let (expected, found) = ("a whole number from 0".to_owned(), "another number".to_owned());
        Self::new(Problem::WrongType { expected, found, help: None })
    }
}

/// A string, possibly from the environment. An unset variable is a finding, and any value can then stand in.
enum Text {
    Known(String),
    Unset,
}

#[derive(Clone, Copy)]
struct NodeReader<'n, 'r> {
    node: &'n Node,
    reader: &'r Reader<'n>,
}

impl<'n> NodeReader<'n, '_> {
    /// The string here, or the value of the variable that it names.
    fn text(self) -> Option<Text> {
        let Value::String(text) = &self.node.value else { return None };
        let Some(name) = text.strip_prefix(REFERENCE) else { return Some(Text::Known(text.clone())) };
        match self.reader.env.get(name) {
            Ok(Some(value)) => return Some(Text::Known(value)),
            Ok(None) => {
                self.reader.refuse(Problem::UnsetVariable { name: name.to_owned() }, self.node.span());
            }
            Err((problem, span)) => self.reader.refuse(problem, span),
        }
        Some(Text::Unset)
    }

    /// The value of a variable in place of a boolean or a number in the file.
    fn variable(self) -> Option<Text> {
        let Value::String(text) = &self.node.value else { return None };
        if text.starts_with(REFERENCE) { self.text() } else { None }
    }

    fn expected(self, expected: &str) -> ReadError {
        let value = &self.node.value;
        let help = match value {
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) if expected == "a string" => {
                Some("put it in quotes".to_owned())
            }
            Value::String(_) if expected == "a list" => {
                Some("put it in brackets, as in `[\"name\"]`".to_owned())
            }
            _ => None,
        };
        let (expected, found) = (expected.to_owned(), value.kind().to_owned());
        ReadError::new(Problem::WrongType { expected, found, help }).or_at(self.node)
    }

    fn at(self, error: ReadError) -> ReadError {
        error.or_at(self.node)
    }

    fn visit_entries<V: Visitor<'n>>(
        self,
        mut entries: Vec<&'n Entry>,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let parent = address(self.node);
        entries.retain(|entry| !self.reader.leaves_out(&entry.value, parent));
        let entries = Entries { entries: entries.into_iter(), value: None, reader: self.reader };
        visitor.visit_map(entries).map_err(|error| self.at(error))
    }

    fn entries(self) -> Result<&'n [Entry], ReadError> {
        match &self.node.value {
            Value::Mapping(entries) => Ok(entries),
            _ => Err(self.expected("a mapping")),
        }
    }
}

impl<'n> Deserializer<'n> for NodeReader<'n, '_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(_) => self.deserialize_bool(visitor),
            Value::Integer(negative) if *negative < 0 => i64::try_from(*negative)
                .map_or_else(|_| Err(self.expected("a smaller number")), |value| visitor.visit_i64(value)),
            Value::Integer(_) => self.deserialize_u64(visitor),
            Value::Float(_) => self.deserialize_f64(visitor),
            Value::String(_) => self.deserialize_string(visitor),
            Value::Sequence(_) => self.deserialize_seq(visitor),
            Value::Mapping(_) => self.deserialize_map(visitor),
        }
        .map_err(|error| self.at(error))
    }

    fn deserialize_bool<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let value = match (&self.node.value, self.variable()) {
            (Value::Bool(value), _) => Some(*value),
            (_, Some(Text::Unset)) => Some(false),
            (_, Some(Text::Known(text))) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        };
        value.map_or_else(|| Err(self.expected("a boolean")), |value| visitor.visit_bool(value))
    }

    fn deserialize_string<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.text() {
            Some(Text::Known(text)) => visitor.visit_string(text),
            Some(Text::Unset) => visitor.visit_str(""),
            None => Err(self.expected("a string")),
        }
    }

    fn deserialize_str<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_f64<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let value = match (&self.node.value, self.variable()) {
            (Value::Float(value), _) => Some(*value),
            (Value::Integer(value), _) => value.to_string().parse().ok(),
            (_, Some(Text::Unset)) => Some(0.0),
            (_, Some(Text::Known(text))) => text.trim().parse().ok(),
            _ => None,
        };
        value.map_or_else(|| Err(self.expected("a number")), |value| visitor.visit_f64(value))
    }

    fn deserialize_u64<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let value = match (&self.node.value, self.variable()) {
            (Value::Integer(value), _) => u64::try_from(*value).ok(),
            (_, Some(Text::Unset)) => Some(0),
            (_, Some(Text::Known(text))) => text.trim().parse().ok(),
            _ => None,
        };
        value.map_or_else(|| Err(self.expected("a whole number from 0")), |value| visitor.visit_u64(value))
    }

    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if matches!(self.node.value, Value::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Value::Sequence(items) = &self.node.value else { return Err(self.expected("a list")) };
        let parent = address(self.node);
        let items = items.iter().filter(|item| !self.reader.leaves_out(item, parent));
        visitor
            .visit_seq(Items { items: items.collect::<Vec<_>>().into_iter(), reader: self.reader })
            .map_err(|error| self.at(error))
    }

    fn deserialize_map<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let entries = self.entries()?.iter().collect();
        self.visit_entries(entries, visitor)
    }

    fn deserialize_struct<V: Visitor<'n>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::String(_) if keys::may_be_text(name) => return self.deserialize_string(visitor),
            Value::Mapping(_) => {}
            _ if keys::may_be_text(name) => return Err(self.expected("a string or a mapping")),
            _ => {}
        }
        let wanted: Vec<_> =
            self.entries()?.iter().filter(|entry| self.reader.wants(name, fields, entry)).collect();
        self.visit_entries(wanted, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <W: Visitor<'n>>
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 char bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct enum identifier
    }
}

struct Items<'n, 'r> {
    items: std::vec::IntoIter<&'n Node>,
    reader: &'r Reader<'n>,
}

impl<'n> de::SeqAccess<'n> for Items<'n, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some(node) = self.items.next() else { return Ok(None) };
        seed.deserialize(NodeReader { node, reader: self.reader }).map(Some)
    }
}

struct Entries<'n, 'r> {
    entries: std::vec::IntoIter<&'n Entry>,
    value: Option<&'n Node>,
    reader: &'r Reader<'n>,
}

impl<'n> de::MapAccess<'n> for Entries<'n, '_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'n>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        self.value = Some(&entry.value);
        let key: StrDeserializer<'n, ReadError> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| error.or_at(&entry.value))
    }

    fn next_value_seed<V: DeserializeSeed<'n>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let node = self.value.take().ok_or_else(|| de::Error::custom("a value without a key"))?;
        seed.deserialize(NodeReader { node, reader: self.reader })
    }
}
