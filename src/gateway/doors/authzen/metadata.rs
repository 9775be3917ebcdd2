//! The description of the listener, for enforcement points that configure themselves.

use serde_json::{Value, json};

/// The path of the description.
pub(super) const PATH: &str = "/.well-known/authzen-configuration";
pub(super) const EVALUATION: &str = "/access/v1/evaluation";
pub(super) const EVALUATIONS: &str = "/access/v1/evaluations";
pub(super) const SUBJECTS: &str = "/access/v1/search/subject";

/// The description. A search for subjects is left out, which says that there is none.
pub(super) fn of(url: &str, resources: &str, actions: &str) -> Value {
    let at = |path: &str| format!("{url}{path}");
    json!({
        "policy_decision_point": url,
        "access_evaluation_endpoint": at(EVALUATION),
        "access_evaluations_endpoint": at(EVALUATIONS),
        "search_resource_endpoint": at(resources),
        "search_action_endpoint": at(actions),
    })
}
