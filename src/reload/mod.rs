//! Rules that follow their files, without the gateway and without an asynchronous runtime.
//!
//! Input: the files of a configuration. Output: [`Rules`], a handle that decides by the newest valid rules. `watched`
//! notices changes of files, `stable` reads files that do not change meanwhile, and `status` says what came of it.
//! `proofs` asks a solver where the configuration demands a proof, and `beyond` knows the settings that no proof covers. The
//! gateway uses these for its own generations, which have keys and certificates too.
//!
//! ```
//! use modelgate::{offline::{Question, headers}, reload::Rules, request::RequestContext};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("config.yaml");
//! # std::fs::write(&path, "
//! # general_settings:
//! #   enable_jwt_auth: true
//! #   litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
//! #   role_permissions: [{role: internal_user, models: [gpt-4o]}]
//! # ")?;
//! let rules = Rules::watch(path.as_path())?;
//! let answer = rules.decide(&Question {
//!     claims: serde_json::from_str(r#"{"roles": ["basic_user"]}"#)?,
//!     method: http::Method::POST,
//!     path: "/v1/chat/completions".to_owned(),
//!     headers: headers([("content-type", "application/json")])?,
//!     body: br#"{"model": "gpt-4o"}"#.to_vec(),
//!     request_context: RequestContext::now(),
//! });
//! assert!(answer.allow);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "prove")]
mod beyond;
#[cfg(feature = "prove")]
mod proofs;
mod rules;
mod stable;
mod status;
mod watched;

#[cfg(feature = "prove")]
pub use proofs::UnprovenError;
pub use rules::{Rules, RulesError, Variables};
pub use status::{Failure, Outcome, Status};

#[cfg(all(feature = "gateway", feature = "prove"))]
pub(crate) use proofs::check;
#[cfg(feature = "gateway")]
pub(crate) use stable::read_stable;
#[cfg(feature = "gateway")]
pub(crate) use status::{diagnostic, warn};
#[cfg(feature = "gateway")]
pub(crate) use watched::{LONGEST_BURST, QUIET};
#[cfg(feature = "gateway")]
pub(crate) use watched::{Roots, Watched};
