//! Verifies JSON Web Tokens in the compact form (RFC 7515, RFC 7519).
//!
//! Input: a bearer token, key sets and rules. Output: verified claims, or the first check that the token failed. The
//! signature is checked before the claims.

pub(super) mod token;
pub(super) mod verify;
