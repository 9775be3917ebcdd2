//! The policy layer in front of LLM APIs.

pub mod authn;
pub mod config;
pub mod engine;
#[cfg(feature = "gateway")]
pub mod gateway;
pub mod identity;
pub mod names;
pub mod pattern;
pub mod providers;
pub mod request;
pub mod routes;
pub mod translate;
