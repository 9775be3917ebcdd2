//! The facts about models in a body, and their positions.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::model_use::ModelUse;
use super::names::Names;
use crate::request::keys::api_members::LiteLlmMembers;

/// The facts about models in a body.
#[derive(Debug, Default, PartialEq)]
pub(in crate::request) struct Content<'b> {
    /// The value of `model`, which often equals the bytes of the body.
    pub(in crate::request) model: Option<Cow<'b, str>>,
    /// The value has the prefix `models/`, as in Google's API.
    pub(in crate::request) has_prefix: bool,
    /// The position of the model; `None` if the body has no place for one.
    pub(in crate::request) slot: Option<Slot>,
    /// Additional models that the upstream may use.
    pub(in crate::request) names: Names,
    /// How the model is used.
    pub(in crate::request) model_use: ModelUse,
    /// The top-level members that no provider's API has.
    pub(in crate::request) litellm_members: LiteLlmMembers,
    /// Where the part of an upload stands, in a body that has one.
    pub(in crate::request) upload_part: Option<Range<usize>>,
}

/// The position of the model in a body, or a position where it can be inserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::request) enum Slot {
    /// A JSON string, including its quotes.
    Json(Range<usize>),
    /// The word `null` in place of a name.
    Null(Range<usize>),
    /// After the opening brace of a JSON object without a model.
    Object { at: usize, is_empty: bool },
    /// The content of a multipart field.
    Part(Range<usize>),
    /// A multipart body without the field. A part can be inserted before the others.
    Parts { boundary: String },
    /// A value in a form, percent-encoded.
    Form(Range<usize>),
    /// A form without the field that is not empty.
    Fields,
}

impl Slot {
    /// The range of the model, if the body has one.
    pub(in crate::request) fn model(&self) -> Option<Range<usize>> {
        match self {
            Self::Json(range) | Self::Part(range) | Self::Form(range) => Some(range.clone()),
            Self::Null(_) | Self::Object { .. } | Self::Parts { .. } | Self::Fields => None,
        }
    }

    /// Whether the body has a value at the model's position.
    pub(in crate::request) fn is_taken(&self) -> bool {
        matches!(self, Self::Null(_)) || self.model().is_some()
    }

    /// The text and the range to replace, so that the body names `model`.
    pub(in crate::request) fn edit(&self, model: &str) -> (Range<usize>, String) {
        let form = || utf8_percent_encode(model, NON_ALPHANUMERIC).to_string();
        match self {
            Self::Json(range) | Self::Null(range) => (range.clone(), in_json(model)),
            Self::Object { at, is_empty } => {
                (*at..*at, format!("\"model\":{}{}", in_json(model), if *is_empty { "" } else { "," }))
            }
            Self::Part(range) => (range.clone(), model.to_owned()),
            Self::Parts { boundary } => {
                let head = "Content-Disposition: form-data; name=\"model\"";
                (0..0, format!("--{boundary}\r\n{head}\r\n\r\n{model}\r\n"))
            }
            Self::Form(range) => (range.clone(), form()),
            Self::Fields => (0..0, format!("model={}&", form())),
        }
    }
}

/// Encodes a name as a JSON string.
pub(in crate::request) fn in_json(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    if name.bytes().all(is_plain) {
        return ["\"", name, "\""].concat();
    }
    serde_json::Value::from(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_json_is_read_as_itself() {
        for name in ["gpt-4o", "", "a b", "say \"a\"", "back\\slash", "é", "\u{7f}", "line\n"] {
            assert_eq!(serde_json::from_str::<String>(&in_json(name)).unwrap(), name);
        }
    }
}
