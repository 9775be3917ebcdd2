//! What a request asks for, as policies and team selection see it.

use std::sync::{Arc, LazyLock};

use http::Method;

use super::context::Facts;
use crate::names::ModelName;
use crate::request::ApiCall;
use crate::routes::surface;
use crate::rules::Rule;

/// The resources and facts of a request.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Asked<'a> {
    pub(in crate::engine) facts: Facts<'a>,
    pub(in crate::engine) header: Option<&'a str>,
    /// The models that the request names. If it names none and its route runs a model, the list holds the unnamed model
    /// (D10).
    pub(in crate::engine) models: &'a [&'a ModelName],
}

static UNNAMED: LazyLock<ModelName> = LazyLock::new(ModelName::unnamed);
static ONLY_UNNAMED: LazyLock<[&ModelName; 1]> = LazyLock::new(|| [&*UNNAMED]);

impl<'a> Asked<'a> {
    pub(in crate::engine) fn by(call: &'a ApiCall, models: &'a [&'a ModelName]) -> Self {
        let facts = Facts {
            method: call.method().as_str(),
            route: call.judged_route(),
            body_bytes: call.body_bytes(),
            request_context: call.context(),
            model_use: call.model_use(),
        };
        Self::new(facts, call.team_header(), models)
    }

    /// Combines facts with the models that the request names.
    pub(in crate::engine) fn new(
        facts: Facts<'a>,
        header: Option<&'a str>,
        models: &'a [&'a ModelName],
    ) -> Self {
        let models = if models.is_empty() && runs_unnamed(&facts) { &*ONLY_UNNAMED } else { models };
        Self { facts, header, models }
    }

    /// The message for a caller whose request names no model and is denied by this rule.
    pub(in crate::engine) fn reason(&self, rule: Rule) -> Option<Arc<str>> {
        let is_unnamed = self.models.first().is_some_and(|model| model.as_str().is_empty());
        let is_of_models = matches!(
            rule,
            Rule::Model | Rule::DeniedModel | Rule::Scope | Rule::NoTeamWithModel | Rule::TeamModel
        );
        (is_unnamed && is_of_models).then(|| {
            "the request names no model, but this route runs one: the caller may only use models by name"
                .into()
        })
    }
}

/// Whether the route runs a model when a request names none.
fn runs_unnamed(facts: &Facts<'_>) -> bool {
    let method = Method::from_bytes(facts.method.as_bytes());
    method
        .ok()
        .and_then(|method| surface::lookup(&method, facts.route))
        .is_some_and(|route| route.model_use().runs_unnamed())
}
