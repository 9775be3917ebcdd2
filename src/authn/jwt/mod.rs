//! JSON Web Tokens in the compact form (RFC 7515, RFC 7519), verified.
//!
//! In come a bearer token, key sets and rules. Out go verified claims, or the first check that the token failed. The
//! signature comes first, then the claims.

pub(super) mod token;
pub(super) mod verify;
