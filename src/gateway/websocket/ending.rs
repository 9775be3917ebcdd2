//! Defines how a WebSocket ends, with the close codes of RFC 6455 section 7.4 and reasons.

use std::io;

use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::gateway::http::error_response::Refusal;

/// The maximum length of a reason in a close frame.
const LONGEST: usize = 123;

/// Why a WebSocket ends.
pub(super) enum End {
    /// The caller closed it. Its close frame is forwarded to the upstream.
    Caller(Option<CloseFrame>),
    /// The upstream closed it. Its close frame is forwarded to the caller.
    Upstream(Option<CloseFrame>),
    /// The gateway closes it. The caller gets the reason, and the upstream a normal closure.
    Ours(CloseFrame),
    /// The caller's connection is broken, so nothing can be sent to it.
    CallerGone,
}

impl End {
    pub(super) fn ours(code: CloseCode, reason: &str) -> Self {
        Self::Ours(frame(code, reason))
    }

    /// The end for an error on the caller's side.
    pub(super) fn of_caller(error: &Error) -> Self {
        match error {
            Error::Capacity(_) => Self::ours(CloseCode::Size, "the message is too large"),
            Error::Utf8(_) => Self::ours(CloseCode::Invalid, "the message is not UTF-8"),
            Error::Io(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
                Self::ours(CloseCode::Again, "the gateway has no room for the message")
            }
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::CallerGone,
            Error::Protocol(error) => Self::ours(CloseCode::Protocol, &error.to_string()),
            _ => Self::CallerGone,
        }
    }

    /// The end for an error on the upstream's side.
    pub(super) fn of_upstream(error: &Error) -> Self {
        if !matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof) {
            tracing::warn!("the WebSocket of an upstream broke: {error}");
        }
        Self::ours(CloseCode::Error, "the connection to the upstream broke")
    }
}

/// A close frame with the reason, which is truncated if it is too long.
pub(super) fn frame(code: CloseCode, reason: &str) -> CloseFrame {
    let mut end = reason.len().min(LONGEST);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    CloseFrame { code, reason: reason.get(..end).unwrap_or_default().into() }
}

/// The close frame for a refusal that ends the connection.
pub(super) fn refused(refusal: &Refusal) -> CloseFrame {
    let code = match refusal {
        Refusal::BodyTooLarge { .. } => CloseCode::Size,
        Refusal::Malformed(_) => CloseCode::Invalid,
        Refusal::KeysUnavailable
        | Refusal::ProviderUnavailable
        | Refusal::NoRoom
        | Refusal::Overtaken
        | Refusal::Overloaded => CloseCode::Again,
        Refusal::UpstreamDown
        | Refusal::UpstreamHandshake
        | Refusal::UpstreamTimeout
        | Refusal::UpstreamConnectTimeout => CloseCode::Error,
        _ => CloseCode::Policy,
    };
    frame(code, &refusal.to_string())
}
