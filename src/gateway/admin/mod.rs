//! The admin listener for operators.
//!
//! Input: requests of operators and their tools, on a separate socket. Output: the state of the active configuration: health,
//! metrics, the snapshot. A reload request is the only one that changes anything. `server` listens, `guard` refuses requests of
//! web pages of other sites, `operator` recognizes who asks, and `routes` has the answers, from `state`. Everything else below
//! `/` is answered by what `api` describes, which is above this layer.

#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the program alone has a console"))]
mod api;
mod guard;
mod operator;
mod routes;
mod server;
pub(crate) mod state;

#[cfg(feature = "cli")]
pub(crate) use super::http::error_response::{answer_of, body_of};
#[cfg(feature = "cli")]
pub(crate) use api::{ApiAnswer, ApiRequest, Need, OperatorApi, Served};
pub use server::{Admin, AdminError};
