//! Removes values of a wrong type, so that the rest of a file can be read.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::config::yaml::tree::{Node, Value};

/// The address of a node, which does not change while the file is read.
pub(in crate::config) type Address = usize;
pub(in crate::config) type Addresses = HashSet<Address, RandomState>;

pub(in crate::config) fn address(node: &Node) -> Address {
    std::ptr::from_ref(node).addr()
}

/// Removes values from a tree.
pub(in crate::config) fn prune(node: &mut Node, left_out: &Addresses) {
    // This starts with the last values, because removing a value moves the ones after it.
    match &mut node.value {
        Value::Sequence(items) => {
            items.iter_mut().for_each(|item| prune(item, left_out));
            let keep: Vec<bool> = items.iter().map(|item| !left_out.contains(&address(item))).collect();
            let mut keep = keep.into_iter();
            items.retain(|_| keep.next().unwrap_or(true));
        }
        Value::Mapping(entries) => {
            entries.iter_mut().for_each(|entry| prune(&mut entry.value, left_out));
            let keep: Vec<bool> =
                entries.iter().map(|entry| !left_out.contains(&address(&entry.value))).collect();
            let mut keep = keep.into_iter();
            entries.retain(|_| keep.next().unwrap_or(true));
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => {}
    }
}
