//! Collects facts from the members of a body: models, and how they are used. One pass, during validation.

use super::managed_id;
use super::model_use::ModelUse;
use super::names::Names;
use super::rules::Rules;
use super::usage::Usage;
use super::zone::{Depth, Form, Zone};
use crate::request::json::scan::{Json, Kind};
use crate::request::json::token::Token;
use crate::request::json::walk::{Look, walk};
use crate::request::keys::members::{MEMBERS, Member, PARTS, Part, counts_in_metadata};
use crate::request::keys::naming::names_model;

/// The facts found so far.
#[derive(Debug, Default)]
pub(in crate::request) struct Found<'r> {
    pub(in crate::request) names: Names,
    pub(in crate::request) model_use: ModelUse,
    /// Numbers in places that no known API reads.
    pub(in crate::request) elsewhere: ModelUse,
    pub(in crate::request) rules: Rules<'r>,
}

impl Found<'_> {
    /// Reads the next value, which is in this zone.
    #[inline(always)]
    pub(in crate::request) fn read(&mut self, json: &mut Json<'_>, zone: Zone) -> Result<(), String> {
        walk(json, Collector { found: self, zone })
    }

    /// Reads a string value that contains JSON.
    pub(in crate::request) fn read_text(&mut self, text: &str, zone: Zone) -> Result<(), String> {
        let mut json = Json::new(text.as_bytes())?;
        self.read(&mut json, zone)?;
        json.end()
    }

    fn name(&mut self, token: Token<'_>, form: Form) -> Result<(), String> {
        let name = token.decoded()?;
        if form == Form::Any && name.is_empty() {
            return Ok(());
        }
        let name = self.rules.name(&name);
        self.names.add(name)
    }

    fn number(&mut self, usage: Usage, depth: Depth, text: &str) -> Result<(), String> {
        let number = Usage::parse(text);
        match (number, depth) {
            (Some(number), Depth::Fallback | Depth::Other | Depth::Tool | Depth::Deployment) => {
                usage.note(&mut self.elsewhere, number)
            }
            (Some(number), Depth::Top | Depth::Known | Depth::Extra) => {
                usage.note(&mut self.model_use, number)
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// Records the number in a form field.
    pub(in crate::request) fn number_in(
        &mut self,
        usage: Usage,
        name: &str,
        text: &str,
    ) -> Result<(), String> {
        let number = Usage::parse(text).ok_or_else(|| format!("the field `{name}` is not a number"))?;
        usage.note(&mut self.model_use, number);
        Ok(())
    }

    fn offer(&mut self) {
        self.model_use.tools = self.model_use.tools.saturating_add(1);
    }

    /// The zone of a value in settings.
    pub(in crate::request) fn zone_in_settings(&self, key: &str, depth: Depth) -> Result<Zone, String> {
        let known = MEMBERS.in_any_case(key);
        if let Some((key, member, is_exact)) = known
            // Readers that fold case read the same numbers and tools.
            && (is_exact || member.is_usage())
        {
            return self.zone_of(key, member, depth);
        }
        if depth == Depth::Deployment
            && (key == "api_key" || key.ends_with("_endpoint"))
            && !self.rules.is_report()
        {
            return Err(format!("`{key}` may not be set by callers"));
        }
        if names_model(key) {
            return Ok(Zone::Names(Form::Any));
        }
        Ok(Zone::Settings(match depth {
            Depth::Tool | Depth::Deployment => depth,
            _ => Depth::Other,
        }))
    }

    /// The zone of the value of a known member.
    pub(in crate::request) fn zone_of(
        &self,
        key: &'static str,
        member: Member,
        depth: Depth,
    ) -> Result<Zone, String> {
        let is_direct = matches!(depth, Depth::Top | Depth::Known | Depth::Extra | Depth::Fallback);
        Ok(match member {
            Member::Model => Zone::Names(Form::Any),
            Member::Names if key == "fallbacks" => Zone::Fallbacks,
            Member::Names if key == "models" => Zone::Names(Form::Models),
            Member::Names => Zone::Names(Form::Fallbacks),
            Member::NameMap => Zone::NameMap,
            Member::Reference => Zone::Reference(key),
            Member::Chooses | Member::Address if self.rules.is_report() => Zone::Settings(Depth::Other),
            Member::Address if !is_direct && depth != Depth::Deployment => Zone::Settings(Depth::Other),
            Member::Chooses | Member::Address => {
                return Err(format!("the member `{key}` chooses what runs, and callers may not choose it"));
            }
            Member::Deployments => Zone::Settings(Depth::Deployment),
            Member::ExtraBody => Zone::Settings(Depth::Extra),
            // A tool has its own settings and schemas.
            Member::Schema if depth == Depth::Tool => Zone::Free,
            Member::Settings if depth == Depth::Tool => Zone::Settings(Depth::Tool),
            Member::Settings | Member::Schema => Zone::Settings(match depth {
                Depth::Top | Depth::Extra => Depth::Known,
                _ => depth,
            }),
            Member::Metadata => Zone::Metadata,
            Member::Free => Zone::Free,
            Member::Said if is_direct => Zone::Said { is_kind: false },
            Member::Input if is_direct => Zone::Input,
            Member::Prompt if is_direct => Zone::Prompt,
            Member::Said | Member::Input | Member::Prompt => Zone::Settings(depth),
            Member::Stream => Zone::Stream,
            Member::MaxTokens => Zone::Number(Usage::MaxTokens, depth),
            Member::N => Zone::Number(Usage::N, depth),
            Member::Temperature => Zone::Number(Usage::Temperature, depth),
            Member::Tools => Zone::Tools,
            Member::Offer => Zone::Offer,
            Member::Image => Zone::Image,
            Member::Audio => Zone::Audio,
            Member::Modalities => Zone::Modalities,
        })
    }

    /// The zone of a value inside a member that names models. Its object keys are models that are replaced, not used,
    /// unless the object has settings for a model.
    fn zone_in_names(&self, key: &str, form: Form) -> Result<Zone, String> {
        if key.eq_ignore_ascii_case("model") && key != "model" {
            return Err("a key is spelled almost like `model`".to_owned());
        }
        if names_model(key) || (form != Form::Fallbacks && matches!(key, "id" | "name" | "slug")) {
            return Ok(Zone::Names(Form::Any));
        }
        if MEMBERS.get(key).is_some() {
            return self.zone_in_settings(key, Depth::Fallback);
        }
        Ok(Zone::NameList)
    }

    /// Records the kind of a part, or a type of data.
    fn kind(&mut self, text: Token<'_>) {
        if !matches!(text.as_written().as_bytes(), [b'i' | b'I' | b'c' | b'C' | b'a' | b'A' | b'\\', ..]) {
            return;
        }
        let image = ["image_url", "image", "input_image", "computer_screenshot"];
        let audio = ["input_audio", "audio", "audio_url"];
        let is = |kinds: &[&str]| kinds.iter().any(|kind| text.is(kind));
        self.model_use.images |= is(&image) || text.begins_with("image/") || text.begins_with("image_");
        self.model_use.audio |= is(&audio) || text.begins_with("audio/");
    }
}

/// Visits a value and everything in it.
pub(in crate::request) struct Collector<'f, 'r> {
    found: &'f mut Found<'r>,
    zone: Zone,
}

impl<'r> Collector<'_, 'r> {
    fn at(&mut self, zone: Zone) -> Collector<'_, 'r> {
        Collector { found: &mut *self.found, zone }
    }

    /// Handles a number, `true` or `false` where names are required.
    fn is_no_name(&self) -> Result<(), String> {
        match self.zone {
            Zone::Names(Form::Fallbacks | Form::Models) | Zone::Fallbacks => {
                Err("a model's name is not a string".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Records that an image, audio or an offered tool is present.
    fn note_presence(&mut self) {
        match self.zone {
            Zone::Image => self.found.model_use.images = true,
            Zone::Audio => self.found.model_use.audio = true,
            Zone::Offer => self.found.offer(),
            _ => {}
        }
    }
}

impl<'r> Look for Collector<'_, 'r> {
    type Inside<'l>
        = Collector<'l, 'r>
    where
        Self: 'l;

    #[inline(always)]
    fn is_over(&self) -> bool {
        self.zone == Zone::Free
    }

    fn text(&mut self, text: Token<'_>) -> Result<(), String> {
        match self.zone {
            Zone::Said { is_kind: true } => {
                self.found.kind(text);
                Ok(())
            }
            Zone::Said { .. } | Zone::Input | Zone::Prompt => {
                if text.begins_with("data:") {
                    self.found.model_use.images |= text.begins_with("data:image/");
                    self.found.model_use.audio |= text.begins_with("data:audio/");
                }
                Ok(())
            }
            // Some readers decode it, as they decode `metadata`.
            Zone::Settings(Depth::Extra) if text.begins_with("{") => {
                self.found.read_text(&text.decoded()?, self.zone)
            }
            Zone::Settings(_) if managed_id::may_be_managed(text.as_written()) => {
                managed_id::add_models(&text.decoded()?, &mut self.found.names).map(drop)
            }
            Zone::Names(form) => self.found.name(text, form),
            // Anthropic's value for a model that Anthropic chooses.
            Zone::Fallbacks if text.is("default") => Ok(()),
            Zone::Fallbacks => self.found.name(text, Form::Fallbacks),
            Zone::Reference(key) => {
                let id = text.decoded()?;
                // A file's id of LiteLLM's has its models in it.
                let names = &mut self.found.names;
                let is_named = key == "input_file_id"
                    && managed_id::may_be_managed(text.as_written())
                    && managed_id::add_models(&id, names)?;
                if id.is_empty() || is_named { Ok(()) } else { names.add_reference(key, &id) }
            }
            Zone::Metadata if text.begins_with("{") => read_metadata(self.found, &text.decoded()?),
            Zone::Number(usage, depth) => self.found.number(usage, depth, &text.decoded()?),
            Zone::Modalities => {
                self.found.model_use.images |= text.is("image");
                self.found.model_use.audio |= text.is("audio");
                Ok(())
            }
            Zone::Image | Zone::Audio | Zone::Offer => {
                self.note_presence();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn number(&mut self, text: &str) -> Result<(), String> {
        self.note_presence();
        match self.zone {
            Zone::Number(usage, depth) => self.found.number(usage, depth, text),
            _ => self.is_no_name(),
        }
    }

    fn bool(&mut self, value: bool) -> Result<(), String> {
        match self.zone {
            Zone::Stream => self.found.model_use.stream |= value,
            Zone::Offer if !value => {}
            _ => self.note_presence(),
        }
        self.is_no_name()
    }

    fn opens(&mut self, _: Kind) -> Result<(), String> {
        self.note_presence();
        Ok(())
    }

    fn element(&mut self) -> Collector<'_, 'r> {
        let zone = match self.zone {
            Zone::NameList | Zone::Fallbacks => Zone::Names(Form::Fallbacks),
            Zone::NameMap => Zone::Names(Form::Any),
            Zone::Said { .. } | Zone::Input | Zone::Prompt => Zone::Said { is_kind: false },
            Zone::Tools => {
                self.found.offer();
                Zone::Settings(Depth::Tool)
            }
            Zone::Metadata => Zone::Free,
            Zone::Image | Zone::Audio | Zone::Offer => Zone::Settings(Depth::Other),
            same => same,
        };
        self.at(zone)
    }

    fn member(&mut self, key: Token<'_>) -> Result<Collector<'_, 'r>, String> {
        let key = key.decoded()?;
        let zone = match self.zone {
            Zone::Settings(depth) => self.found.zone_in_settings(&key, depth)?,
            Zone::Said { .. } => match PARTS.get(&key) {
                None => Zone::Said { is_kind: false },
                Some((_, _, Part::Kind)) => Zone::Said { is_kind: true },
                Some((_, _, Part::Image)) => Zone::Image,
                Some((_, _, Part::Audio)) => Zone::Audio,
                Some((_, _, Part::Tools)) => Zone::Tools,
                Some((_, _, Part::Free)) => Zone::Free,
            },
            Zone::Names(form) => self.found.zone_in_names(&key, form)?,
            // Not a list of settings: each value of the object may be a name.
            Zone::Fallbacks => match self.found.zone_in_names(&key, Form::Fallbacks)? {
                Zone::NameList => Zone::Names(Form::Any),
                zone => zone,
            },
            Zone::NameMap => Zone::Names(Form::Any),
            Zone::Reference(reference) if matches!(&*key, "id" | "name") => Zone::Reference(reference),
            Zone::Prompt if key == "id" => Zone::Reference("prompt"),
            Zone::Prompt => Zone::Said { is_kind: false },
            Zone::Metadata if counts_in_metadata(&key) => Zone::Names(Form::Any),
            Zone::Metadata => Zone::Free,
            // Tools in an object instead of a list.
            Zone::Tools => {
                self.found.model_use.tools = self.found.model_use.tools.max(1);
                self.found.zone_in_settings(&key, Depth::Tool)?
            }
            Zone::Free => Zone::Free,
            _ => self.found.zone_in_settings(&key, Depth::Other)?,
        };
        Ok(self.at(zone))
    }
}

/// Reads `metadata` that is a string, which LiteLLM decodes. Text that is not JSON is a note.
fn read_metadata(found: &mut Found<'_>, text: &str) -> Result<(), String> {
    match found.read_text(text, Zone::Metadata) {
        Err(_) if !text.to_ascii_lowercase().contains("fallback") => Ok(()),
        read => read,
    }
}

#[cfg(test)]
mod tests;
