//! Interprets the names of form fields.

use std::fmt;

use crate::request::keys::api_members::is_api_member;
use crate::request::keys::members::{MEMBERS, Member};
use crate::request::keys::naming::names_model;
use crate::request::keys::spelling::is_disguised;
use crate::request::models::usage::Usage;

/// A form field that affects the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Field {
    Model,
    Purpose,
    Stream,
    Number(Usage),
    /// An additional model, or several separated by commas.
    Name,
    /// Refers to a model indirectly, under this name.
    Reference(&'static str),
    Image,
    Audio,
    /// Text that some readers decode if it is JSON.
    Text,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "model",
            Self::Purpose => "purpose",
            Self::Stream => "stream",
            Self::Number(_) => "with a number",
            Self::Name => "with a model",
            Self::Reference(name) => name,
            Self::Image => "with an image",
            Self::Audio => "with audio",
            Self::Text => "with JSON",
        })
    }
}

/// Interprets the name of a form field. Readers disagree how a form writes lists and objects, so such fields are
/// refused. `_charset_` is also refused, because it changes how the other fields are decoded.
pub(in crate::request) fn field(name: &str) -> Result<Option<Field>, String> {
    if let Some((name, member, true)) = MEMBERS.in_any_case(name) {
        return known(name, member);
    }
    match name {
        "purpose" => return Ok(Some(Field::Purpose)),
        "_charset_" => return Err("the field `_charset_` changes the others".to_owned()),
        _ => {}
    }
    let strict = MEMBERS.iter().filter(|(_, member)| member.has_one_spelling()).map(|(known, _)| *known);
    let mut strict = strict.chain(["purpose", "_charset_"]);
    if let Some(known) = strict.find(|known| is_disguised(name, known)) {
        return Err(format!("a field is spelled almost like `{known}`"));
    }
    // Some readers parse `svg[model]` and `svg.model` as a member of an object.
    let mut segments = name.split(['[', ']', '.']).filter(|segment| !segment.is_empty());
    match segments.clone().next().and_then(|first| MEMBERS.get(first)) {
        Some((_, _, Member::Free | Member::Said | Member::Schema | Member::Metadata)) => Ok(None),
        Some((_, _, Member::Image)) => Ok(Some(Field::Image)),
        _ if segments.any(names_model) || names_model(name) => Ok(Some(Field::Name)),
        _ => Ok(Some(Field::Text)),
    }
}

fn known(name: &'static str, member: Member) -> Result<Option<Field>, String> {
    Ok(Some(match member {
        Member::Model => Field::Model,
        Member::Stream => Field::Stream,
        Member::MaxTokens => Field::Number(Usage::MaxTokens),
        Member::N => Field::Number(Usage::N),
        Member::Temperature => Field::Number(Usage::Temperature),
        Member::Image => Field::Image,
        Member::Audio => Field::Audio,
        Member::Reference => Field::Reference(name),
        Member::Settings | Member::Metadata | Member::Modalities => Field::Text,
        Member::Free | Member::Schema | Member::Said | Member::Input | Member::Prompt => return Ok(None),
        Member::Names
        | Member::NameMap
        | Member::Chooses
        | Member::Address
        | Member::Deployments
        | Member::ExtraBody
        | Member::Tools
        | Member::Offer => return Err(format!("the field `{name}` has no form that all parsers share")),
    }))
}

/// Whether no provider's API has a field of this name.
pub(in crate::request) fn is_litellms(name: &str) -> bool {
    let first = name.split(['[', '.']).next().unwrap_or_default();
    !is_api_member(first) && MEMBERS.get(first).is_none_or(|(_, _, member)| member.is_litellms())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_in_an_object_counts_as_its_last_name_says() {
        for name in [
            "svg[model]",
            "svg.model",
            "svg[models][]",
            "session[model]",
            "target_model_names",
            "deployment_id",
        ] {
            assert_eq!(field(name), Ok(Some(Field::Name)), "{name}");
        }
        for name in ["messages[0][model]", "metadata[model]", "prompt", "stop[]"] {
            assert_eq!(field(name), Ok(None), "{name}");
        }
        for name in ["session", "metadata", "anything", "timestamp_granularities[]"] {
            assert_eq!(field(name), Ok(Some(Field::Text)), "{name}");
        }
    }

    #[test]
    fn a_field_that_has_no_one_form_is_refused() {
        for name in
            ["models", "fallbacks", "tools", "tools[0][type]", "extra_body", "model[]", "Model", "_charset_"]
        {
            assert!(field(name).is_err(), "{name}");
        }
    }
}
