//! Asks once more whether a request may be sent, right before its first bytes are.

use std::fmt;

/// Asked when the first bytes of a body are about to be sent, where hyper's client chooses the connection.
pub(in crate::gateway) struct Gate(Box<dyn FnOnce() -> bool + Send + Sync>);

impl Gate {
    /// A gate that asks this question, once.
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

/// The rules changed, or the token ended, before the request was sent.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the rules or the token changed before the request was sent")]
pub(in crate::gateway) struct Overtaken;
