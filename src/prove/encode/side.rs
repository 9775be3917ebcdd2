//! One of the compared sides.

use crate::engine::Snapshot;
use crate::engine::proof::ProofFacts;

use super::text::quoted;

/// A snapshot with the names of its entities in formulas.
#[derive(Clone, Copy)]
pub(in crate::prove) struct Side<'s> {
    pub(in crate::prove) snapshot: &'s Snapshot,
    /// 0 for the first side, 1 for the second.
    pub(in crate::prove) number: usize,
    /// The namespace of its types.
    pub(super) namespace: &'static str,
    /// The member of the context with its caller, model and route.
    pub(super) member: &'static str,
}

impl<'s> Side<'s> {
    /// The first side.
    pub(in crate::prove) fn first(snapshot: &'s Snapshot) -> Self {
        Self { snapshot, number: 0, namespace: "A", member: "a" }
    }

    /// The second side.
    pub(in crate::prove) fn second(snapshot: &'s Snapshot) -> Self {
        Self { snapshot, number: 1, namespace: "B", member: "b" }
    }

    pub(in crate::prove) fn facts(&self) -> ProofFacts<'s> {
        ProofFacts(self.snapshot)
    }

    /// An entity, as formulas write it.
    pub(super) fn entity(&self, ty: &str, id: &str) -> String {
        format!("{}::{ty}::{}", self.namespace, quoted(id))
    }

    pub(super) fn caller(&self) -> String {
        format!("context.{}.caller", self.member)
    }

    pub(super) fn model(&self) -> String {
        format!("context.{}.model", self.member)
    }

    pub(super) fn route(&self) -> String {
        format!("context.{}.route", self.member)
    }
}
