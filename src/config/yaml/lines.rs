//! The lines of a file's keys, kept after the file is dropped.

use super::path;
use super::tree::{Entry, Node, Value};

/// The line of each key of the file, by its YAML path, such as `general_settings.role_permissions[0].models`.
#[derive(Clone, Debug, Default)]
pub struct Lines(Below);

/// The entries below a key or a list item.
#[derive(Clone, Debug, Default)]
enum Below {
    #[default]
    Nothing,
    Keys(Box<[(Box<str>, Line)]>),
    Items(Box<[Line]>),
}

#[derive(Clone, Debug)]
struct Line {
    line: u32,
    below: Below,
}

impl Lines {
    pub(in crate::config) fn of(root: Node) -> Self {
        Self(Below::of(root.value))
    }

    /// The line of the key at `path`, counted from 1; `None` if the file does not contain it.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<u32> {
        self.0.find(path)
    }
}

impl Below {
    fn of(value: Value) -> Self {
        match value {
            Value::Mapping(entries) => Self::Keys(entries.into_iter().map(Line::of_entry).collect()),
            Value::Sequence(items) => Self::Items(items.into_iter().map(Line::of_item).collect()),
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {
                Self::Nothing
            }
        }
    }

    fn find(&self, path: &str) -> Option<u32> {
        match self {
            Self::Nothing => None,
            Self::Keys(keys) => keys.iter().find_map(|(key, line)| line.find(path::below_key(path, key)?)),
            Self::Items(items) => {
                let (index, rest) = path::below_index(path)?;
                items.get(index)?.find(rest)
            }
        }
    }
}

impl Line {
    fn of_entry(entry: Entry) -> (Box<str>, Self) {
        (entry.key.into(), Self { line: entry.key_span.line, below: Below::of(entry.value.value) })
    }

    fn of_item(item: Node) -> Self {
        Self { line: item.span().line, below: Below::of(item.value) }
    }

    fn find(&self, path: &str) -> Option<u32> {
        if path.is_empty() { Some(self.line) } else { self.below.find(path) }
    }
}
