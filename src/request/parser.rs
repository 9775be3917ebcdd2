//! Parses a request in two steps: first the head, then the body as it arrives.

use std::ops::Range;

use http::Method;

use super::body::{Reader, Whole};
use super::call::SlotForm;
use super::form::multipart::Multipart;
use super::head::content_type::Kind;
use super::head::headers::Judged;
use super::head::model_path::path_model;
use super::head::path::RoutePath;
use super::head::{query, routes};
use super::json::scan::MAX_DEPTH;
use super::models::content::Content;
use super::models::names::{Names, model_name};
use super::models::rules::Rules;
use super::{ApiCall, Malformed, RequestContext, RequestHead};
use crate::names::ModelName;

/// A request after its head was read. The variant depends on how the body is read.
#[derive(Debug)]
pub enum RequestParser {
    /// The body is buffered before it is read.
    Whole(WholeBody),
    /// The body is read as a stream.
    Streamed(StreamedBody),
}

/// A request that needs its whole body at once.
#[derive(Debug)]
pub struct WholeBody {
    begun: Begun,
    whole: Whole,
}

/// A request whose body is read in segments.
#[derive(Debug)]
pub struct StreamedBody {
    begun: Begun,
    multipart: Box<Multipart>,
    bytes: usize,
}

impl RequestParser {
    /// Reads the head of a request.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a request that cannot be judged, regardless of its body.
    pub fn begin(head: &RequestHead<'_>) -> Result<Self, Malformed> {
        let judged = Judged::read(head.method, head.headers)?;
        let kind = Kind::of(judged.content_type)?;
        let begun = Begun::new(head, judged)?;
        Ok(match Reader::new(kind, begun.route.as_str()) {
            Reader::Whole(whole) => Self::Whole(WholeBody { begun, whole }),
            Reader::Streamed(multipart) => Self::Streamed(StreamedBody { begun, multipart, bytes: 0 }),
        })
    }
}

impl WholeBody {
    /// Parses the request.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a request that cannot be judged.
    pub fn finish(self, body: &[u8]) -> Result<ApiCall, Malformed> {
        self.finish_within(body, MAX_DEPTH)
    }

    /// The same with a limit for the nesting depth of arrays and objects in the body.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a request that cannot be judged.
    pub fn finish_within(self, body: &[u8], depth: usize) -> Result<ApiCall, Malformed> {
        let rules = Rules { route: self.begun.route.as_str() };
        let content = self.whole.read(body, depth, rules)?;
        self.begun.finish(content, body.len())
    }
}

impl StreamedBody {
    /// Reads the next bytes of the body.
    ///
    /// # Errors
    ///
    /// [`Malformed`] as soon as the body cannot be judged.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.multipart.feed(bytes)
    }

    /// Parses the request after its body has ended.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a request that cannot be judged.
    pub fn finish(self) -> Result<ApiCall, Malformed> {
        self.begun.finish(self.multipart.finish()?, self.bytes)
    }
}

/// The facts in the head.
#[derive(Debug)]
struct Begun {
    method: Method,
    route: RoutePath,
    team_header: Option<String>,
    asked: Asked,
    /// The path's model replaces the body's (D12).
    path_replaces: bool,
    additional: Names,
    query_model: Option<Range<usize>>,
}

impl Begun {
    fn new(head: &RequestHead<'_>, judged: Judged<'_>) -> Result<Self, Malformed> {
        let route = routes::route(head.method, head.path)?;
        let Judged { team, names: mut additional, .. } = judged;
        let mut asked = Asked::default();
        let in_path = if route.may_name_model() { path_model(head.method, route.as_str())? } else { None };
        asked.ask("the path", in_path.map(|model| model.name))?;
        let path_replaces = in_path.is_some_and(|model| model.replaces);
        let query = head.query.filter(|_| !Rules { route: route.as_str() }.is_report());
        let in_query = query.map(query::models).transpose().map_err(Malformed::Query)?.unwrap_or_default();
        asked.ask("the query", in_query.model.as_ref().map(|value| value.text.as_str()))?;
        let is_azure = route.as_str() == "/openai/realtime";
        let deployment = query.filter(|_| is_azure).and_then(query::deployment);
        asked.ask("the parameter `deployment`", deployment.as_deref())?;
        if !in_query.names.as_slice().is_empty() {
            additional.extend(&in_query.names).map_err(Malformed::Query)?;
        }
        Ok(Self {
            method: head.method.clone(),
            route,
            team_header: team,
            asked,
            path_replaces,
            additional,
            query_model: in_query.model.map(|value| value.range),
        })
    }

    fn finish(self, content: Content<'_>, body_bytes: usize) -> Result<ApiCall, Malformed> {
        let Self { method, route, team_header, mut asked, path_replaces, mut additional, query_model } = self;
        let Content { model: in_body, has_prefix, slot, names, model_use, litellm_members, upload_part } =
            content;
        let mut is_replaced = false;
        match &in_body {
            Some(name) if path_replaces => {
                // It is not a second model, but still a name to check.
                is_replaced = asked.name.as_ref() != Some(&model_name("the body", name)?);
            }
            name => asked.ask("the body", name.as_deref())?,
        }
        if asked.name.is_none() && routes::runs(&method) && routes::always_takes_model(route.as_str()) {
            return Err(Malformed::NoModel);
        }
        if let Some(name) = &asked.name
            && name.as_str().contains(',')
        {
            additional.add_parts(name.as_str()).map_err(Malformed::Body)?;
        }
        if !names.as_slice().is_empty() {
            additional.extend(&names).map_err(Malformed::Body)?;
        }
        let model_use = model_use.on(route.as_str());
        let (additional, references) = additional.into_parts();
        Ok(ApiCall {
            method,
            route,
            model: asked.name,
            additional,
            references,
            has_foreign_id: false,
            is_unnamed: false,
            team_header,
            slot,
            slot_form: SlotForm { has_prefix, is_replaced },
            query_model,
            model_use,
            litellm_members,
            upload_part,
            is_joined: false,
            body_bytes,
            context: RequestContext::default(),
        })
    }
}

/// Returns the model that all places agree on.
#[derive(Debug, Default)]
struct Asked {
    name: Option<ModelName>,
    place: &'static str,
}

impl Asked {
    fn ask(&mut self, place: &'static str, name: Option<&str>) -> Result<(), Malformed> {
        let Some(name) = name else { return Ok(()) };
        let name = model_name(place, name)?;
        match &self.name {
            Some(known) if *known != name => Err(Malformed::TwoModels { first: self.place, second: place }),
            Some(_) => Ok(()),
            None => {
                *self = Self { name: Some(name), place };
                Ok(())
            }
        }
    }
}
