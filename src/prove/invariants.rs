//! Files of bounds that operators swear by.

use std::path::Path;

use cedar_policy::{Effect, Policy};

use super::ProveError;
use super::subject::Subject;
use crate::dropins::{DropIn, DropIns, annotation};

/// Policies that state bounds: a `forbid` is never allowed by what is in force, a `permit` always.
#[derive(Clone, Debug, Default)]
pub struct Invariants {
    dropins: DropIns,
}

/// One invariant.
#[derive(Clone, Debug)]
pub(super) struct Invariant {
    /// What it says, by its annotation.
    pub(super) text: String,
    pub(super) place: String,
    pub(super) effect: Effect,
    pub(super) policy: Policy,
    /// The same as a `forbid`, so that the engine says when it matches.
    pub(super) marker: DropIn,
}

impl Invariants {
    /// Reads the `*.cedar` files of a directory.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if a file cannot be read, or if a policy has no annotation `@invariant`.
    pub fn load(directory: &Path) -> Result<Self, ProveError> {
        Self::new(DropIns::load(directory)?)
    }

    /// Checks that each policy of drop-in files is an invariant.
    ///
    /// # Errors
    ///
    /// [`ProveError`] names a policy without the annotation `@invariant`.
    pub fn new(dropins: DropIns) -> Result<Self, ProveError> {
        let unnamed = dropins.policies.iter().find(|dropin| text(dropin).is_none());
        match unnamed {
            None => Ok(Self { dropins }),
            Some(dropin) => {
                Err(ProveError::NoInvariant { place: dropin.source(), id: dropin.policy.id().to_string() })
            }
        }
    }

    /// The number of invariants.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dropins.policies.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dropins.policies.is_empty()
    }

    /// The files and their texts.
    #[must_use]
    pub fn files(&self) -> &[(std::path::PathBuf, std::sync::Arc<str>)] {
        self.dropins.files()
    }

    /// Checks that the invariants are valid for these rules, without a solver.
    ///
    /// # Errors
    ///
    /// [`ProveError`] describes the mistake.
    pub fn validate(&self, subject: &Subject) -> Result<(), ProveError> {
        self.of(subject).map(drop)
    }

    /// The invariants, valid for these rules.
    pub(super) fn of(&self, subject: &Subject) -> Result<Vec<Invariant>, ProveError> {
        let markers = self.dropins.policies.iter().map(marker).collect::<Result<Vec<_>, _>>()?;
        // An invalid policy is reported at its place.
        subject.with(markers.iter().cloned())?;
        let each = self.dropins.policies.iter().zip(markers);
        Ok(each
            .map(|(dropin, marker)| Invariant {
                text: text(dropin).unwrap_or_default().to_owned(),
                place: dropin.source(),
                effect: dropin.policy.effect(),
                policy: dropin.policy.clone(),
                marker,
            })
            .collect())
    }
}

fn text(dropin: &DropIn) -> Option<&str> {
    annotation(&dropin.policy, "invariant").filter(|text| !text.trim().is_empty())
}

/// The policy as a `forbid`, under an id that no policy in force has.
fn marker(dropin: &DropIn) -> Result<DropIn, ProveError> {
    let internal = |error: &dyn std::fmt::Display| ProveError::Internal(error.to_string());
    let mut json = dropin.policy.to_json().map_err(|error| internal(&error))?;
    if let Some(effect) = json.get_mut("effect") {
        *effect = "forbid".into();
    }
    let id = cedar_policy::PolicyId::new(format!("invariant {}", dropin.policy.id()));
    let policy = Policy::from_json(Some(id), json).map_err(|error| internal(&error))?;
    Ok(DropIn { parsed: policy.clone(), policy, ..dropin.clone() })
}
