//! Checks again whether a request may be sent, directly before its first bytes.

use std::fmt;

/// A check that runs when hyper's client has chosen a connection and is about to send the first bytes of a
/// body.
pub(in crate::gateway) struct Gate(Box<dyn FnOnce() -> bool + Send + Sync>);

impl Gate {
    /// A gate that runs this check once.
    pub(in crate::gateway) fn new(may_be_sent: impl FnOnce() -> bool + Send + Sync + 'static) -> Self {
        Self(Box::new(may_be_sent))
    }

    /// Whether the request may be sent now.
    pub(super) fn lets_through(self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate(..)")
    }
}

/// The rules changed or the token expired before the request was sent.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the rules or the token changed before the request was sent")]
pub(in crate::gateway) struct Overtaken;
