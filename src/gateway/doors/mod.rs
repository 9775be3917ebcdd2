//! Decisions for other proxies, which forward a request themselves if it is permitted.
//!
//! Input: a description of a request, in the form of each proxy. Output: whether the proxy may forward it, with headers
//! for the proxy, or the response for the caller. No door has rules of its own: [`decide`] runs the same steps as the
//! gateway, up to the decision. `seen_body` says which requests cannot be judged without their body. `original` reads the
//! request that a proxy describes in headers, and `verdict` writes headers about a permitted one. `ask` turns refusals into
//! answers. `authorizer` decides for code in this process. `forward_auth`, `ext_authz` and `authzen` are the listeners, and `unix`
//! listens on a socket in the file system.

mod ask;
mod authorizer;
mod authzen;
mod decide;
mod ext_authz;
mod forward_auth;
mod original;
mod seen_body;
mod start;
#[cfg(feature = "tower")]
pub mod tower;
pub(in crate::gateway) mod unix;
mod verdict;

pub use authorizer::{Authorized, Authorizer, AuthzRequest, Rejected};
pub use authzen::AuthzenServer;
pub use ext_authz::ExtAuthzServer;
pub use forward_auth::ForwardAuthServer;
pub use start::StartError;
