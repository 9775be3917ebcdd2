//! WebSocket messages. Each is judged like the JSON body of a request.

use std::ops::Range;

use super::call::SlotForm;
use super::json::scan::{Json, Kind};
use super::json::walk::{Nothing, walk};
use super::models::content::in_json;
use super::models::names::model_name;
use super::models::rules::Rules;
use super::{ApiCall, Malformed, RequestHead, RequestParser};
use crate::names::ModelName;

/// The facts that a message shares with its connection.
#[derive(Clone, Copy, Debug)]
pub struct Socket<'s> {
    /// The handshake without its query, because a message may name a different model than the query.
    pub head: RequestHead<'s>,
    /// The model of the connection. `None` until a message has named it.
    pub model: Option<&'s ModelName>,
    /// Whether each message that requests a response must name its model, as in OpenAI's Responses API.
    pub names_each: bool,
}

/// A parsed message: every model that it names, with its position.
#[derive(Debug)]
pub struct Frame {
    call: ApiCall,
    /// Whether the message itself names a model.
    asks: bool,
    places: Vec<Place>,
    is_media: bool,
}

/// The position of a model's name.
#[derive(Debug)]
struct Place {
    /// The range of the string, including its quotes. An empty range is a position where a member can be
    /// inserted.
    range: Range<usize>,
    /// The name as written.
    name: Box<str>,
    /// Whether it is the connection's model. Other places name additional models, such as the model that
    /// transcribes speech.
    is_asked: bool,
}

impl Frame {
    /// Parses a message, with a limit on the nesting depth of arrays and objects.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a message that cannot be judged.
    pub fn read(socket: &Socket<'_>, text: &[u8], depth: usize) -> Result<Self, Malformed> {
        if text.is_empty() {
            return Err(Malformed::Body("the message is empty".to_owned()));
        }
        let RequestParser::Whole(whole) = RequestParser::begin(&socket.head)? else {
            return Err(Malformed::Unsupported("content type"));
        };
        let mut call = whole.finish_within(text, depth)?;
        let route = call.route.as_str().to_owned();
        let mut found = Found { rules: Rules { route: &route }, ..Found::default() };
        let mut json = Json::new(text).map_err(Malformed::Body)?;
        found.read(&mut json, Level::Top).map_err(Malformed::Body)?;
        // A transcription connection only names the model that transcribes.
        if socket.model.is_none() && !found.places.iter().any(|place| place.is_asked) {
            found.places.iter_mut().for_each(|place| place.is_asked = true);
        }
        let asked = found.asked()?.or_else(|| call.model.clone());
        let asks = asked.is_some();
        if !asks && socket.names_each && found.is_creation {
            found.insert(text, socket.model);
        }
        if asks {
            call.additional.extend(socket.model.cloned());
        }
        call.model = asked.or_else(|| socket.model.cloned());
        call.slot_form = SlotForm::default();
        Ok(Self { call, asks, places: found.places, is_media: found.is_media })
    }

    /// The call to decide: a call of the connection's route that names every model of the message, and the
    /// connection's model.
    #[must_use]
    pub fn call(&self) -> &ApiCall {
        &self.call
    }

    /// The model that the message requests.
    #[must_use]
    pub fn asked(&self) -> Option<&ModelName> {
        self.call.model.as_ref().filter(|_| self.asks)
    }

    /// Whether the message only contains audio or images and names no model. There may be many such messages
    /// each second.
    #[must_use]
    pub fn is_media(&self) -> bool {
        self.is_media && !self.asks && self.places.is_empty() && self.call.additional.is_empty()
    }

    /// The message with replaced model names, or `None` if nothing changes. `asked` is the upstream's name of
    /// the connection's model, and `beside` returns the upstream's name of any other model.
    pub fn renamed(
        &self,
        text: &str,
        asked: Option<&str>,
        beside: impl Fn(&ModelName) -> Option<String>,
    ) -> Option<String> {
        let rules = Rules { route: self.call.route.as_str() };
        let mut renamed = String::with_capacity(text.len() + 64);
        let mut from = 0;
        for place in &self.places {
            let name = match place.is_asked {
                true => asked.map(str::to_owned),
                false => {
                    model_name("the message", rules.name(&place.name)).ok().and_then(|name| beside(&name))
                }
            };
            let Some(name) = name else { continue };
            let has_prefix = rules.name(&place.name).len() != place.name.len();
            let name = in_json(&if has_prefix { ["models/", &name].concat() } else { name });
            renamed.push_str(text.get(from..place.range.start)?);
            if place.range.is_empty() {
                renamed.push_str("\"model\":");
                renamed.push_str(&name);
                renamed.push(',');
            } else {
                renamed.push_str(&name);
            }
            from = place.range.end;
        }
        (from > 0).then(|| renamed + text.get(from..).unwrap_or_default())
    }
}

/// The `event_id` of a client's message, for the answer to it.
#[must_use]
pub fn event_id(text: &[u8]) -> Option<String> {
    const LONGEST: usize = 256;
    let mut found = None;
    let mut json = Json::new(text).ok()?;
    let read = json.object(|json, key| {
        if key.is("event_id") && json.next_kind()? == Kind::Text {
            found = Some(json.string()?.decoded()?.into_owned());
            return Ok(());
        }
        walk(json, Nothing)
    });
    read.ok().and(found).filter(|id| id.len() <= LONGEST)
}

/// The position of a value in a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Top,
    /// In the settings of a session or a response, whose `model` is the connection's model.
    Session,
    /// In inner settings of a session.
    Settings,
    /// In the settings for transcription.
    Transcription,
}

#[derive(Default)]
struct Found<'r> {
    rules: Rules<'r>,
    places: Vec<Place>,
    is_creation: bool,
    is_media: bool,
}

impl Found<'_> {
    fn read(&mut self, json: &mut Json<'_>, level: Level) -> Result<(), String> {
        if json.next_kind()? != Kind::Object {
            return walk(json, Nothing);
        }
        json.object(|json, key| {
            let key = key.decoded()?;
            let inside = match (level, &*key) {
                (Level::Top | Level::Session, "model") => return self.model(json, true),
                (Level::Transcription, "model") => return self.model(json, false),
                (Level::Top, "type") => return self.kind(json),
                (Level::Top, "realtimeInput" | "realtime_input") => {
                    self.is_media = true;
                    return walk(json, Nothing);
                }
                (Level::Top, "session" | "response" | "setup") => Level::Session,
                (Level::Session | Level::Settings, "transcription" | "input_audio_transcription") => {
                    Level::Transcription
                }
                (Level::Session | Level::Settings, "audio" | "input") => Level::Settings,
                _ => return walk(json, Nothing),
            };
            self.read(json, inside)
        })
    }

    fn model(&mut self, json: &mut Json<'_>, is_asked: bool) -> Result<(), String> {
        let kind = json.next_kind()?;
        let mut name = None;
        let (start, token) = json.spanned(|json| {
            if kind != Kind::Text {
                return walk(json, Nothing);
            }
            name = Some(json.string()?.decoded()?.into());
            Ok(())
        })?;
        match (name, kind) {
            (Some(name), _) => self.places.push(Place { range: start..start + token.len(), name, is_asked }),
            (None, Kind::Null) => {}
            (None, _) => return Err("`model` is not a string".to_owned()),
        }
        Ok(())
    }

    fn kind(&mut self, json: &mut Json<'_>) -> Result<(), String> {
        if json.next_kind()? != Kind::Text {
            return walk(json, Nothing);
        }
        let kind = json.string()?;
        self.is_creation |= kind.is("response.create");
        self.is_media |= kind.is("input_audio_buffer.append") || kind.is("session.input_audio_buffer.append");
        Ok(())
    }

    /// The model that all places agree on.
    fn asked(&self) -> Result<Option<ModelName>, Malformed> {
        let mut asked = None;
        for place in self.places.iter().filter(|place| place.is_asked) {
            let name = model_name("the message", self.rules.name(&place.name))?;
            match &asked {
                Some(known) if *known != name => {
                    let (first, second) = ("one member of the message", "another");
                    return Err(Malformed::TwoModels { first, second });
                }
                _ => asked = Some(name),
            }
        }
        Ok(asked)
    }

    /// A position for the connection's model, if the message names none.
    fn insert(&mut self, text: &[u8], model: Option<&ModelName>) {
        let (Some(brace), Some(model)) = (text.iter().position(|byte| *byte == b'{'), model) else { return };
        let at = brace + 1;
        self.places.insert(0, Place { range: at..at, name: model.as_str().into(), is_asked: true });
    }
}

#[cfg(test)]
mod tests;
