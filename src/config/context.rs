//! What the conversions share: where each key stands, and what was found so far.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::Lines;
use super::problem::{Caution, Problem};
use super::yaml::{Node, Span, Value};
use crate::names::{ClaimPath, ModelName, Role};

/// A key's own place, and its value's.
struct Place {
    key: Span,
    value: Span,
}

/// Findings by YAML path, such as `general_settings.role_permissions[0].role`.
#[derive(Default)]
pub(super) struct Context {
    places: HashMap<String, Place, RandomState>,
    pub(super) problems: Vec<(Problem, Option<Span>)>,
    pub(super) warnings: Vec<(Caution, Option<Span>)>,
}

impl Context {
    pub(super) fn new(root: &Node) -> Self {
        let mut context = Self::default();
        context.add_places(root, &mut String::new());
        context
    }

    /// `path` is the node's own, and is so again afterwards.
    fn add_places(&mut self, node: &Node, path: &mut String) {
        let length = path.len();
        match &node.value {
            Value::Mapping(entries) => {
                for entry in entries {
                    if length > 0 {
                        path.push('.');
                    }
                    path.push_str(&entry.key);
                    self.add_places(&entry.value, path);
                    self.places
                        .insert(path.clone(), Place { key: entry.key_span, value: entry.value.span() });
                    path.truncate(length);
                }
            }
            Value::Sequence(items) => {
                for (i, item) in items.iter().enumerate() {
                    // Writing to a string cannot fail.
                    let _ = write!(path, "[{i}]");
                    self.add_places(item, path);
                    self.places.insert(path.clone(), Place { key: item.span(), value: item.span() });
                    path.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {}
        }
    }

    /// The line of every key and list item.
    pub(super) fn into_lines(self) -> Lines {
        Lines(self.places.into_iter().map(|(path, place)| (path, place.key.line)).collect())
    }

    /// Whether the file has the key, even without a value.
    pub(super) fn has(&self, path: &str) -> bool {
        self.places.contains_key(path)
    }

    pub(super) fn line(&self, path: &str) -> u32 {
        self.places.get(path).map_or(0, |place| place.key.line)
    }

    /// Refuses the value at `path`.
    pub(super) fn refuse(&mut self, path: &str, problem: Problem) {
        let span = self.places.get(path).map(|place| place.value);
        self.problems.push((problem, span));
    }

    /// Refuses the key at `path`.
    pub(super) fn refuse_key(&mut self, path: &str, problem: Problem) {
        let span = self.places.get(path).map(|place| place.key);
        self.problems.push((problem, span));
    }

    /// Warns of the value at `path`.
    pub(super) fn warn(&mut self, path: &str, caution: Caution) {
        let span = self.places.get(path).map(|place| place.value);
        self.warnings.push((caution, span));
    }

    /// Warns of the key at `path`.
    pub(super) fn warn_key(&mut self, path: &str, caution: Caution) {
        let span = self.places.get(path).map(|place| place.key);
        self.warnings.push((caution, span));
    }

    pub(super) fn role(&mut self, path: &str, role: &str) -> Option<Role> {
        let parsed = role.parse().ok();
        if parsed.is_none() {
            self.refuse(path, Problem::UnknownRole { role: role.to_owned() });
        }
        parsed
    }

    pub(super) fn claim_path(&mut self, path: &str, claim: Option<String>) -> Option<ClaimPath> {
        let claim = claim?;
        let parsed = claim.parse().ok();
        if parsed.is_none() {
            self.refuse(path, Problem::ClaimPath { path: claim });
        }
        parsed
    }

    pub(super) fn model_names(&mut self, path: &str, names: Vec<String>) -> Vec<ModelName> {
        let names = names.into_iter().enumerate();
        names.filter_map(|(i, name)| self.model_name(&format!("{path}[{i}]"), &name)).collect()
    }

    pub(super) fn model_name(&mut self, path: &str, name: &str) -> Option<ModelName> {
        let parsed = ModelName::new(name).ok();
        if parsed.is_none() {
            self.refuse(path, Problem::Empty { key: "the name of a model".to_owned() });
        }
        parsed
    }

    /// Refuses the empty string.
    pub(super) fn not_empty(&mut self, path: &str, value: &str) {
        if value.is_empty() {
            let key = path.rsplit('.').next().unwrap_or(path).to_owned();
            self.refuse(path, Problem::Empty { key });
        }
    }

    /// A duration in seconds within `range`, or `default`.
    pub(super) fn seconds(
        &mut self,
        path: &str,
        seconds: Option<f64>,
        range: RangeInclusive<u32>,
        default: Duration,
    ) -> Duration {
        let Some(seconds) = seconds else { return default };
        if seconds >= f64::from(*range.start()) && seconds <= f64::from(*range.end()) {
            return Duration::try_from_secs_f64(seconds).unwrap_or(default);
        }
        let key = path.rsplit('.').next().unwrap_or(path).to_owned();
        let range = format!("from {} to {} seconds", range.start(), range.end());
        self.refuse(path, Problem::OutOfRange { key, range });
        default
    }
}
