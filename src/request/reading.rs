//! A request on its way: its head is read, its body still comes.

use std::ops::Range;

use http::{HeaderMap, HeaderName, Method};

use super::body::{Reader, Whole};
use super::content::Content;
use super::content_type::Kind;
use super::multipart::Multipart;
use super::{
    ApiCall, Circumstances, Malformed, RequestHead, RoutePath, TEAM_HEADER, model_name, places, query, scan,
};
use crate::names::ModelName;

/// A request whose head was read, by what its body needs.
#[derive(Debug)]
pub enum Reading {
    /// The body is read in one piece.
    Whole(WholeBody),
    /// The body is read as it arrives.
    Streamed(StreamedBody),
}

/// A request whose body is needed in one piece.
#[derive(Debug)]
pub struct WholeBody {
    begun: Begun,
    whole: Whole,
}

/// A request whose body is read in any pieces.
#[derive(Debug)]
pub struct StreamedBody {
    begun: Begun,
    multipart: Box<Multipart>,
    bytes: usize,
}

impl Reading {
    /// Reads the head of a request.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a request that cannot be judged, whatever its body.
    pub fn begin(head: &RequestHead<'_>) -> Result<Self, Malformed> {
        let begun = Begun::new(head)?;
        Ok(match Reader::new(Kind::of(head.headers)?, begun.route.as_str()) {
            Reader::Whole(whole) => Self::Whole(WholeBody { begun, whole }),
            Reader::Streamed(multipart) => Self::Streamed(StreamedBody { begun, multipart, bytes: 0 }),
        })
    }
}

impl WholeBody {
    /// Says what the request asks for.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a request that cannot be judged.
    pub fn finish(self, body: &[u8]) -> Result<ApiCall, Malformed> {
        self.finish_within(body, scan::MAX_DEPTH)
    }

    /// The same, of a body whose arrays and objects stand inside each other at most so deep.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a request that cannot be judged.
    pub fn finish_within(self, body: &[u8], depth: usize) -> Result<ApiCall, Malformed> {
        self.begun.finish(self.whole.read(body, depth)?, body.len())
    }
}

impl StreamedBody {
    /// Takes the next bytes of the body.
    ///
    /// # Errors
    ///
    /// [`Malformed`] as soon as the body cannot be judged, whatever follows.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.multipart.feed(bytes)
    }

    /// Says what the request asks for, now that its body has ended.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a request that cannot be judged.
    pub fn finish(self) -> Result<ApiCall, Malformed> {
        self.begun.finish(self.multipart.finish()?, self.bytes)
    }
}

/// What the head says.
#[derive(Debug)]
struct Begun {
    method: Method,
    route: RoutePath,
    team_header: Option<String>,
    asked: Asked,
    query_model: Option<Range<usize>>,
}

impl Begun {
    fn new(head: &RequestHead<'_>) -> Result<Self, Malformed> {
        let route = places::route(head.method, head.path)?;
        let mut asked = Asked::default();
        asked.ask("the path", places::path_model(head.method, route.as_str())?)?;
        let query = head.query.filter(|_| places::query_may_name_model(route.as_str()));
        let in_query = query.map(query::model).transpose().map_err(Malformed::Query)?.flatten();
        asked.ask("the query", in_query.as_ref().map(|value| value.text.as_str()))?;
        Ok(Self {
            method: head.method.clone(),
            route,
            team_header: team_header(head.headers)?,
            asked,
            query_model: in_query.map(|value| value.range),
        })
    }

    fn finish(self, content: Content<'_>, body_bytes: usize) -> Result<ApiCall, Malformed> {
        let Self { method, route, team_header, mut asked, query_model } = self;
        asked.ask("the body", content.model.as_deref())?;
        if asked.name.is_none() && method == Method::POST && places::always_takes_model(route.as_str()) {
            return Err(Malformed::NoModel);
        }
        let model_use = content.model_use.on(route.as_str());
        Ok(ApiCall {
            method,
            route,
            model: asked.name,
            further: content.further,
            team_header,
            slot: content.slot,
            query_model,
            model_use,
            body_bytes,
            circumstances: Circumstances::default(),
        })
    }
}

/// The one model that all places agree on.
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

static TEAM: HeaderName = HeaderName::from_static(TEAM_HEADER);

fn team_header(headers: &HeaderMap) -> Result<Option<String>, Malformed> {
    let mut values = headers.get_all(&TEAM).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Malformed::TeamHeader);
    }
    value.to_str().map(|text| Some(text.to_owned())).map_err(|_| Malformed::TeamHeader)
}
