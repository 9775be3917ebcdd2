//! The request as the decision sees it.

use std::borrow::Cow;
use std::ops::Range;

use http::{HeaderMap, Method};

use super::RequestContext;
use super::head::path::RoutePath;
use super::head::routes;
use super::keys::api_members::LiteLlmMembers;
use super::models::content::Slot;
use super::models::model_use::ModelUse;
use crate::names::ModelName;
use crate::routes::is_in_group;

/// The parts of a request that affect the decision.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'r> {
    /// The method.
    pub method: &'r Method,
    /// The path as it was sent, percent-encoding included.
    pub path: &'r str,
    /// The query after `?`, as it was sent.
    pub query: Option<&'r str>,
    /// The headers: content type and encoding, the team header, and those that choose a model or a method.
    pub headers: &'r HeaderMap,
    /// The whole body.
    pub body: &'r [u8],
}

/// A request without its body, which may arrive later.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'r> {
    /// The method.
    pub method: &'r Method,
    /// The path as it was sent, percent-encoding included.
    pub path: &'r str,
    /// The query after `?`, as it was sent.
    pub query: Option<&'r str>,
    /// The headers: content type and encoding, the team header, and those that choose a model or a method.
    pub headers: &'r HeaderMap,
}

/// A request that was parsed: its route and every model that it names.
///
/// Only [`classify`](super::classify) makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiCall {
    pub(super) method: Method,
    pub(super) route: RoutePath,
    pub(super) model: Option<ModelName>,
    pub(super) additional: Vec<ModelName>,
    /// Those of the additional ones that only refer to what stands for a model.
    pub(super) references: Vec<ModelName>,
    pub(super) has_foreign_id: bool,
    pub(super) is_unnamed: bool,
    pub(super) team_header: Option<String>,
    pub(super) slot: Option<Slot>,
    pub(super) slot_form: SlotForm,
    pub(super) query_model: Option<Range<usize>>,
    pub(super) model_use: ModelUse,
    pub(super) litellm_members: LiteLlmMembers,
    pub(super) upload_part: Option<Range<usize>>,
    pub(super) is_joined: bool,
    pub(super) body_bytes: usize,
    pub(super) context: RequestContext,
}

/// How the body names its model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SlotForm {
    /// The name has the prefix `models/`, as in Google's API.
    pub(super) has_prefix: bool,
    /// The path names another model, which replaces this one (D12).
    pub(super) is_replaced: bool,
}

/// What the ids in a request stand for.
#[cfg(feature = "gateway")]
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// The references whose models are known.
    pub(crate) known: Vec<ModelName>,
    /// The models that ids in the request stand for.
    pub(crate) models: Vec<ModelName>,
    /// Whether an id is another caller's.
    pub(crate) has_foreign_id: bool,
    /// Whether the request still runs a model that nobody named.
    pub(crate) is_unnamed: bool,
    /// Whether the request joins parts of a file, and the models in that file are known.
    pub(crate) is_joined: bool,
}

impl ApiCall {
    /// The same call with a time and an address.
    #[must_use]
    pub fn with_context(mut self, context: RequestContext) -> Self {
        self.context = context;
        self
    }

    /// The time and the address of the call.
    #[must_use]
    pub fn context(&self) -> RequestContext {
        self.context
    }

    /// The length of the body, in bytes.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The normalized path, which is both judged and forwarded.
    #[must_use]
    pub fn route(&self) -> &RoutePath {
        &self.route
    }

    /// The model that the request asks for.
    #[must_use]
    pub fn model(&self) -> Option<&ModelName> {
        self.model.as_ref()
    }

    /// Every model that the request names, each once: the requested one, then the additional ones.
    pub fn models(&self) -> impl Iterator<Item = &ModelName> {
        self.model.iter().chain(self.additional.iter().filter(|name| Some(*name) != self.model.as_ref()))
    }

    /// Whether the request names no model besides the one that it asks for, if any.
    pub(crate) fn names_one_model(&self) -> bool {
        self.additional.is_empty() && !self.is_unnamed
    }

    /// The same models, or those without the names that only refer to what stands for a model, such as `assistant_id:asst_1`.
    pub(crate) fn judged_models(&self, without_references: bool) -> impl Iterator<Item = &ModelName> {
        self.models().filter(move |name| !without_references || !self.references.contains(name))
    }

    /// The names, each `member:id`, that only refer to what stands for a model.
    #[must_use]
    pub fn references(&self) -> &[ModelName] {
        &self.references
    }

    /// Whether the request uses an id that another caller created.
    #[must_use]
    pub fn has_foreign_id(&self) -> bool {
        self.has_foreign_id
    }

    /// Whether the request runs a model that nobody named (D10) although models of ids in it are known.
    pub(crate) fn is_unnamed(&self) -> bool {
        self.is_unnamed
    }

    /// The same call if nobody saw its body: it may run a model that nobody knows.
    #[cfg(feature = "gateway")]
    pub(crate) fn with_unseen_body(mut self) -> Self {
        self.is_unnamed = true;
        self
    }

    /// The same call if its body is not at hand, and a trusted party says how it uses its model and how long the body is.
    #[cfg(feature = "gateway")]
    pub(crate) fn with_stated_use(mut self, model_use: ModelUse, body_bytes: usize) -> Self {
        self.model_use = model_use;
        self.body_bytes = body_bytes;
        self
    }

    /// The same call with other models in the place of references that are `known`.
    #[cfg(feature = "gateway")]
    pub(crate) fn resolved(mut self, resolved: Resolved) -> Self {
        let Resolved { known, models, has_foreign_id, is_unnamed, is_joined } = resolved;
        self.additional.retain(|name| !known.contains(name));
        self.references.retain(|name| !known.contains(name));
        for model in models {
            // What was a reference of this request too is one no longer: it is judged.
            self.references.retain(|name| *name != model);
            if !self.additional.contains(&model) {
                self.additional.push(model);
            }
        }
        self.has_foreign_id = has_foreign_id;
        self.is_unnamed = is_unnamed;
        self.is_joined = is_joined;
        self
    }

    /// Where a part of an upload stands in the body, if the body has one.
    #[cfg(feature = "gateway")]
    pub(crate) fn upload_part(&self) -> Option<Range<usize>> {
        self.upload_part.clone()
    }

    /// Whether the request joins parts of a file, and the models in that file are known.
    #[cfg(feature = "gateway")]
    pub(crate) fn is_joined(&self) -> bool {
        self.is_joined
    }

    /// The same call for another model, which stands in for the one that it asks for. It is decided anew.
    #[cfg(feature = "gateway")]
    pub(crate) fn for_model(self, model: ModelName) -> Self {
        Self { model: Some(model), ..self }
    }

    /// The value of the header `x-litellm-team-id`.
    #[must_use]
    pub fn team_header(&self) -> Option<&str> {
        self.team_header.as_deref()
    }

    /// The route that is judged: the path, except that a model in a list is judged as the list is. `GET
    /// /v1/models/{id}` shows nothing that `GET /v1/models` does not.
    #[must_use]
    pub fn judged_route(&self) -> &str {
        let path = self.route.as_str();
        routes::listing_of(&self.method, path).unwrap_or(path)
    }

    /// The byte range of the `model` value in the body. In JSON it includes the quotes.
    #[must_use]
    pub fn body_model(&self) -> Option<Range<usize>> {
        self.slot.as_ref()?.model()
    }

    /// The byte range of the `model` value in the query.
    #[must_use]
    pub fn query_model(&self) -> Option<Range<usize>> {
        self.query_model.clone()
    }

    /// The text and the byte range to replace, so that the body names `model`. `None` for a body that names no model
    /// and cannot, such as an empty one or one of unknown type.
    #[must_use]
    pub fn renamed_body(&self, model: &str) -> Option<(Range<usize>, String)> {
        let slot = self.slot.as_ref()?;
        let name: Cow<'_, str> =
            if self.slot_form.has_prefix { ["models/", model].concat().into() } else { model.into() };
        (slot.is_taken() || routes::runs(&self.method)).then(|| slot.edit(&name))
    }

    /// The name to write into the body before it is forwarded. It is the path's model, if the body names another (D12).
    #[must_use]
    pub fn replaced_model(&self) -> Option<&ModelName> {
        self.model.as_ref().filter(|_| self.slot_form.is_replaced)
    }

    /// The top-level members that no provider's API has. Only LiteLLM may know them. Empty on management and reporting
    /// routes of LiteLLM, and on its own routes.
    pub fn litellm_members(&self) -> impl Iterator<Item = &str> {
        let groups = ["openai_routes", "anthropic_routes", "google_routes"];
        let members = self.litellm_members.iter();
        let route = self.route.as_str();
        members.filter(move |_| groups.iter().any(|group| is_in_group(group, route)))
    }

    /// Whether the body asks for a streamed response.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.model_use.stream
    }

    /// How the request uses its model.
    #[must_use]
    pub fn model_use(&self) -> ModelUse {
        self.model_use
    }
}
