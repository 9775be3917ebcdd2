//! The policy layer in front of LLM APIs: LiteLLM's role permissions as Cedar policies, and a gateway that enforces them.
//!
//! The YAML configuration of a LiteLLM proxy defines which roles of an OIDC token may use which models. This crate reads
//! that file unchanged ([`config`]), translates it to Cedar policies, and decides requests with them ([`engine`]). With the
//! default features it also verifies tokens ([`authn`]) and forwards permitted requests (`gateway`).
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
//! # From a file to a decision
//!
//! 1. [`config::Config::parse`] reads the file, or returns every problem with its line.
//! 2. [`engine::Snapshot::build`] translates and validates the policies. A snapshot is immutable. To change the rules,
//!    replace the whole snapshot.
//! 3. [`engine::Snapshot::identify`] derives the [`identity::Caller`] from [`authn::VerifiedClaims`].
//! 4. [`request::classify`] parses a request into an [`request::ApiCall`]. It refuses compressed bodies, so decode them
//!    first.
//! 5. [`engine::Snapshot::authorize`] returns an [`engine::Permit`] or the rule that denies. Forwarding takes the permit
//!    by value.
//!
//! The feature `reload` does all of this for files that change: `reload::Rules` has an example. The feature `tower` is a layer
//! for services of axum, tonic and hyper that verifies tokens too: `tower` has an example.
//!
//! Teams are only known from the configuration; there is no database. [`offline`] does steps 3 to 5 in one call, and
//! [`casefile`] tests rules with files of requests and expected answers.
//!
//! # Features
//!
//! Without any, the crate has no asynchronous runtime and reads no network.
//!
//! - `reload`: rules follow their files, by a thread. No asynchronous runtime either.
//! - `gateway` (default): tokens are verified, and permitted requests are forwarded. Includes `reload`.
//! - `tower` (default): a layer decides in front of a service of this process. Includes `gateway`.
//! - `cli` (default): the command `modelgate`.

pub mod authn;
mod cache;
#[cfg(feature = "cli")]
#[doc(hidden)]
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
mod json;
pub mod names;
#[doc(hidden)]
pub mod pattern;
#[doc(hidden)]
pub mod providers;
#[cfg(feature = "reload")]
pub mod reload;
pub mod request;
#[doc(hidden)]
pub mod routes;
#[doc(hidden)]
pub mod rules;
pub mod sources;
mod tools;
#[doc(hidden)]
pub mod translate;

#[cfg(feature = "tower")]
pub use gateway::doors::tower;
pub use tools::cases as casefile;
pub use tools::offline;

/// The README's Rust block runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
