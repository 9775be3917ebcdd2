//! Environment variables: those of the process, then the block `environment_variables`.

use super::tree::{Node, Span, Value};
use crate::config::problem::Problem;

/// The prefix of a value that names an environment variable.
pub(in crate::config) const REFERENCE: &str = "os.environ/";

/// Looks up variables.
pub(in crate::config) struct Environment<'a> {
    process: &'a dyn Fn(&str) -> Option<String>,
    block: Option<&'a Node>,
}

impl<'a> Environment<'a> {
    /// As in LiteLLM, the process's variables override those of `environment_variables`.
    pub(in crate::config) fn new(
        process: &'a dyn Fn(&str) -> Option<String>,
        block: Option<&'a Node>,
    ) -> Self {
        Self { process, block }
    }

    /// The value of a variable; `None` if it is not set.
    ///
    /// # Errors
    ///
    /// The entry in `environment_variables` refers to a variable that is not set.
    pub(in crate::config) fn get(&self, name: &str) -> Result<Option<String>, (Problem, Span)> {
        if let Some(value) = (self.process)(name) {
            return Ok(Some(value));
        }
        let Some(node) = self.block.and_then(|block| block.get(name)) else { return Ok(None) };
        let text = text(node)?;
        let Some(other) = text.strip_prefix(REFERENCE) else { return Ok(Some(text)) };
        // Only one reference is followed, so there are no loops.
        let literal = || self.block?.get(other).and_then(text_without_reference);
        match (self.process)(other).or_else(literal) {
            Some(value) => Ok(Some(value)),
            None => Err((Problem::UnsetVariable { name: other.to_owned() }, node.span())),
        }
    }

    /// The position of the variable in the block.
    pub(in crate::config) fn span(&self, name: &str) -> Option<Span> {
        self.block.and_then(|block| block.get(name)).map(Node::span)
    }
}

fn text(node: &Node) -> Result<String, (Problem, Span)> {
    match &node.value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Integer(value) => Ok(value.to_string()),
        Value::Float(value) => Ok(value.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => {
            let (expected, found) = ("a string".to_owned(), node.value.kind().to_owned());
            Err((Problem::WrongType { expected, found, help: None }, node.span()))
        }
    }
}

fn text_without_reference(node: &Node) -> Option<String> {
    text(node).ok().filter(|text| !text.starts_with(REFERENCE))
}
