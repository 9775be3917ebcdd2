//! What a request asks for, as policies and team selection see it.

use std::sync::{Arc, LazyLock};

use http::Method;

use super::context::Facts;
use crate::names::ModelName;
use crate::request::ApiCall;
use crate::routes::surface::{self, ModelUse};
use crate::rules::Rule;
use crate::translate::ModelNames;

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
    #[inline(always)]
    pub(in crate::engine) fn by(
        call: &'a ApiCall,
        models: &'a [&'a ModelName],
        allows_references: bool,
    ) -> Self {
        let facts = Facts {
            method: call.method().as_str(),
            route: call.judged_route(),
            body_bytes: call.body_bytes(),
            request_context: call.context(),
            model_use: call.model_use(),
        };
        Self::new(facts, call.team_header(), models, allows_references)
    }

    /// Combines facts with the models that the request names.
    #[inline(always)]
    pub(in crate::engine) fn new(
        facts: Facts<'a>,
        header: Option<&'a str>,
        models: &'a [&'a ModelName],
        allows_references: bool,
    ) -> Self {
        let is_unnamed = models.is_empty()
            && model_use(&facts).is_some_and(|model_use| {
                model_use.runs_unnamed() && !(allows_references && model_use == ModelUse::Reference)
            });
        Self { facts, header, models: if is_unnamed { &*ONLY_UNNAMED } else { models } }
    }

    /// The message for a caller whose request names no model or an unknown one, and is denied by this rule.
    pub(in crate::engine) fn reason(&self, rule: Rule, names: &ModelNames) -> Option<Arc<str>> {
        let is_unnamed = self.models.iter().any(|model| model.as_str().is_empty());
        let reason = if is_unnamed && rule.is_of_models() {
            "the request names no model, but this route runs one: the caller may only use models by name"
        } else if rule == Rule::DeniedModel && self.models.iter().any(|model| !names.resolves(model.as_str()))
        {
            "a role of the caller denies models, and the gateway does not know this name: the caller may only use \
             models by the names that the configuration has"
        } else {
            return None;
        };
        Some(reason.into())
    }
}

/// The models that a call is judged by. They include the unnamed one if the call runs it besides the known ones.
pub(in crate::engine) fn asked_models(call: &ApiCall, without_references: bool) -> Vec<&ModelName> {
    let is_unnamed = call.is_unnamed() && !(without_references && runs_reference(call));
    call.judged_models(without_references).chain(is_unnamed.then(|| &*UNNAMED)).collect()
}

/// Whether the call runs a model that it only refers to.
pub(in crate::engine) fn runs_reference(call: &ApiCall) -> bool {
    surface::lookup(call.method(), call.judged_route())
        .is_some_and(|route| route.model_use() == ModelUse::Reference)
}

/// How the route uses models.
fn model_use(facts: &Facts<'_>) -> Option<ModelUse> {
    let method = Method::from_bytes(facts.method.as_bytes()).ok()?;
    surface::lookup(&method, facts.route).map(|route| route.model_use())
}
