//! WebSockets. Each message of a caller is judged before it is forwarded.
//!
//! Input: a handshake, which was authenticated like any request. Output: a connection to the deployment of
//! its model. If only messages name the model, the connection is opened for the first message. `relay`
//! forwards messages in both directions, and `messages` judges those of the caller by the active rules.
//! Fragmented messages are joined before they are parsed.

mod connect;
mod dial;
mod ending;
mod first_message;
pub(super) mod handshake;
mod messages;
mod metered;
pub(super) mod open;
mod relay;
mod session;
pub(super) mod shared;
