//! The context of a request, for policies that use it.

use std::net::IpAddr;
use std::time::SystemTime;

/// The time and the address of a request.
///
/// Without a time, a policy that uses the time fails to evaluate, and so denies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// The time of the request.
    pub time: Option<SystemTime>,
    /// The caller's address, after trusted proxies are skipped.
    pub source: Option<IpAddr>,
}

impl RequestContext {
    /// The current time and no address.
    #[must_use]
    pub fn now() -> Self {
        Self { time: Some(SystemTime::now()), source: None }
    }
}
