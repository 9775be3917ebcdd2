//! WebSockets: each message of a caller is judged before it passes on.
//!
//! A handshake comes in that was authenticated like any request. Out goes a connection to the deployment of its model, or,
//! where only messages name the model, one that is opened for the first of them. `relay` carries messages both ways,
//! `messages` judges those of the caller by the rules of the moment. Frames are put together before anything is read.

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
