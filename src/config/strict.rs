//! Reads modelgate's other YAML files as strictly as a configuration, with the same diagnostics.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::error::{ConfigError, Excerpt, located};
use super::litellm::de;
use super::problem::Problem;
use super::yaml::environment::Environment;
use super::yaml::lines::Lines;
use super::yaml::redaction;
use super::yaml::tree::{Node, Span};

/// A file whose keys were read, but whose values are not validated yet.
pub(crate) struct StrictFile {
    name: String,
    excerpt: Arc<Excerpt>,
    root: Node,
    problems: Vec<(Problem, Option<Span>)>,
}

impl StrictFile {
    /// Reads `text` into `T`. Each struct in it must have its own serde name, because errors show it. The environment
    /// is not used.
    pub(crate) fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<(Self, T), ConfigError> {
        let mut root = Node::parse(text).map_err(|problem| {
            ConfigError::new(name, located([problem], &Excerpt::new(name, redaction::redact_lines(text))))
        })?;
        let excerpt = Excerpt::new(name, redaction::redact(text, &root));
        let mut problems = Vec::new();
        root.take_duplicates(&mut problems);
        let (value, findings) = de::read::<T>(&root, &Environment::new(&|_| None, None));
        problems.extend(findings.problems);
        match value.filter(|_| problems.is_empty()) {
            Some(value) => Ok((Self { name: name.to_owned(), excerpt, root, problems }, value)),
            None => Err(ConfigError::new(name, located(problems, &excerpt))),
        }
    }

    /// Refuses the value at `path`.
    pub(crate) fn refuse(&mut self, path: &str, problem: Problem) {
        self.problems.push((problem, self.root.place(path).map(|place| place.value)));
    }

    /// Returns the line of each key, unless a value was refused.
    pub(crate) fn finish(self) -> Result<Lines, ConfigError> {
        if self.problems.is_empty() {
            return Ok(Lines::of(self.root));
        }
        Err(ConfigError::new(&self.name, located(self.problems, &self.excerpt)))
    }
}
