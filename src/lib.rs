//! The policy layer in front of LLM APIs: LiteLLM's role permissions as Cedar policies, and a gateway that enforces them.
//!
//! An operator says in the YAML of a LiteLLM proxy which roles of an OIDC token may use which models. This crate reads
//! that file as it stands ([`config`]), translates it to Cedar ([`translate`](mod@translate)), and decides requests by
//! it ([`engine`]). With the default features it also verifies tokens and forwards what is permitted.
//!
//! ```
//! use http::{HeaderMap, Method};
//! use modelgate::{authn::VerifiedClaims, config::Config, engine::Snapshot, request::{RequestParts, classify}};
//!
//! let yaml = "
//! general_settings:
//!   enable_jwt_auth: true
//!   litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
//!   role_permissions: [{role: internal_user, models: [anthropic-claude]}]
//! model_list: [{model_name: anthropic-claude, litellm_params: {model: claude-3-5-haiku-20241022}}]
//! ";
//! let snapshot = Snapshot::build(Config::parse("config.yaml", yaml, ".".as_ref(), &|_| None)?)?;
//! let claims = serde_json::from_str(r#"{"roles": ["basic_user"]}"#)?;
//! let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims));
//! let (path, body) = ("/v1/chat/completions", br#"{"model": "gpt-4o"}"#);
//! let headers = HeaderMap::new();
//! let call = classify(&RequestParts { method: &Method::POST, path, query: None, headers: &headers, body })?;
//! assert_eq!(snapshot.authorize(&caller, call).unwrap_err().rule.as_str(), "R2.model");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Two flows meet in a snapshot. At start, text becomes a `Config`, a `PolicyBundle`, a validated [`engine::Snapshot`].
//! For each request, headers become [`authn::VerifiedClaims`], those an [`identity::Caller`], the request an
//! [`request::ApiCall`], and both a [`engine::Permit`], which forwarding takes by value.
//!
//! Teams are declared in the configuration. Decode compressed bodies before you call [`request::classify`]: it refuses them.

pub mod authn;
mod cache;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
#[cfg(feature = "gateway")]
pub mod decision_log;
mod display;
pub mod dropins;
pub mod engine;
#[cfg(feature = "gateway")]
pub mod gateway;
pub mod identity;
pub mod names;
pub mod pattern;
pub mod providers;
pub mod request;
pub mod routes;
pub mod rules;
pub mod sources;
mod tools;
pub mod translate;

pub use tools::cases as casefile;
pub use tools::offline;

/// The README's Rust block runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
