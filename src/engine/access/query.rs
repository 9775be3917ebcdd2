//! A question as plain data.

use std::time::SystemTime;

use serde_json::{Map, Value};

/// A question about a resource of a type that operators declare.
#[derive(Clone, Copy, Debug)]
pub struct AccessQuery<'q> {
    /// The action's name.
    pub action: &'q str,
    /// Policies read these properties as `context.action`.
    pub action_properties: &'q Map<String, Value>,
    /// The resource's entity type.
    pub resource_type: &'q str,
    /// The resource's id.
    pub resource_id: &'q str,
    /// Policies read these properties as attributes of the resource. An attribute from an entity file overrides one of them.
    pub resource_properties: &'q Map<String, Value>,
    /// Policies read these members as attributes of `context`.
    pub context: &'q Map<String, Value>,
    /// The time, for `context.time` and `context.weekday` where the action declares them.
    pub time: Option<SystemTime>,
}
