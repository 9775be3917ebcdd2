//! What must be proven before new rules become active.

use std::path::PathBuf;
use std::time::Duration;

/// `modelgate.invariants`: bounds that rules must keep to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredInvariants {
    /// The directory of their files.
    pub directory: PathBuf,
    /// The time within which all of them must be proven; default: 10 s.
    pub budget: Duration,
}

/// `modelgate.reload`: the changes that a reload may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReloadRules {
    /// `modelgate.reload.allow`.
    pub allow: AllowedChange,
    /// `modelgate.reload.budget`: the time within which a comparison must be proven; default: 10 s.
    pub budget: Duration,
}

/// `modelgate.reload.allow`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllowedChange {
    /// `any`, the default: each valid change.
    #[default]
    Any,
    /// `narrower`: only changes that are proven to allow no request that the active rules deny.
    Narrower,
}
