//! Tests of rules: YAML files of requests and expected answers.
//!
//! ```yaml
//! config: config.yaml            # relative to this file; the command line and `modelgate.tests` override it
//! policies: policies
//! cases:
//!   - note: contractors offer no tools
//!     claims: {sub: ada, roles: [contractor]}
//!     request: {model: gpt-4o, body: {tools: [{type: function}]}, time: "2026-11-24T12:00:00Z"}
//!     expect: {allow: false, rule: policy, policies: [no-tools-for-contractors]}
//! ```
//!
//! A result does not depend on when and where a case runs. A request has the time and the address that the case gives,
//! or none.

mod case;
mod check;
mod coverage;
mod error;
mod find;
mod load;
mod raw;
mod run;

pub use case::{Case, CaseFile, Expect};
pub use check::check;
pub use coverage::{Coverage, Part};
pub use error::CaseError;
pub use run::{Mismatch, Outcome, Report, run_cases};

#[cfg(test)]
mod tests;
