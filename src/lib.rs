//! The policy layer in front of LLM APIs.

pub mod authn;
pub mod config;
pub mod names;
