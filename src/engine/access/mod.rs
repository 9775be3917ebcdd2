//! Decides questions about resources that are neither routes nor models.
//!
//! Input: a caller, an action and a resource of types that operators declare in `*.cedarschema`, with properties as JSON.
//! Output: a decision by dropped-in policies alone: without one that permits, the answer is a denial. The configuration's
//! grants and its mandatory checks are about LLM APIs, and say nothing here. `decide` asks the policies, and `properties` turns JSON into Cedar's values.

mod decide;
mod properties;
mod query;

pub use query::AccessQuery;
