//! Rules, tried before they count: YAML files of requests and the answers that are expected.
//!
//! ```yaml
//! config: config.yaml            # relative to this file; the command line and `modelgate.tests` go before it
//! policies: policies
//! cases:
//!   - note: contractors offer no tools
//!     claims: {sub: ada, roles: [contractor]}
//!     request: {model: gpt-4o, body: {tools: [{type: function}]}, time: "2026-11-24T12:00:00Z"}
//!     expect: {allow: false, rule: policy, policies: [no-tools-for-contractors]}
//! ```
//!
//! Nothing depends on when and where a case runs: a request has the time and the address that its case gives it, or none.

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
