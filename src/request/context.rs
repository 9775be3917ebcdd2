//! What surrounds a request, for policies that ask.

use std::net::IpAddr;
use std::time::SystemTime;

/// When a request came, and from where.
///
/// A policy that asks for the time of a request without one fails to evaluate, and so denies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// When.
    pub time: Option<SystemTime>,
    /// The address that the caller has, seen past trusted proxies.
    pub source: Option<IpAddr>,
}

impl RequestContext {
    /// Now, from an unknown address.
    #[must_use]
    pub fn now() -> Self {
        Self { time: Some(SystemTime::now()), source: None }
    }
}
