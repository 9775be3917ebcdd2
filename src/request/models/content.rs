//! What a body says about models, and where it says so.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::model_use::ModelUse;
use super::names::Names;
use crate::request::keys::api_members::LiteLlmMembers;

/// What a body says about models.
#[derive(Debug, Default, PartialEq)]
pub(in crate::request) struct Content<'b> {
    /// The value of `model`, which often stands in the body as it is.
    pub(in crate::request) model: Option<Cow<'b, str>>,
    /// `models/` stands before it, as in Google's API.
    pub(in crate::request) has_prefix: bool,
    /// Where the model stands; `None` where there is no place for one.
    pub(in crate::request) slot: Option<Slot>,
    /// Models that the upstream may use besides.
    pub(in crate::request) names: Names,
    /// How the model is used.
    pub(in crate::request) model_use: ModelUse,
    /// The members at the top that no provider's API has.
    pub(in crate::request) litellm_members: LiteLlmMembers,
}

/// Where a body names its model, or where it could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::request) enum Slot {
    /// A JSON string, quotes included.
    Json(Range<usize>),
    /// The word `null` in its place.
    Null(Range<usize>),
    /// Behind the opening brace of a JSON object without a model.
    Object { at: usize, is_empty: bool },
    /// The content of a multipart field.
    Part(Range<usize>),
    /// A multipart body without the field: a part can be put before the others.
    Parts { boundary: String },
    /// A value in a form, percent-encoded.
    Form(Range<usize>),
    /// A form without the field, which is not empty.
    Fields,
}

impl Slot {
    /// Where the model stands, if there is one.
    pub(in crate::request) fn model(&self) -> Option<Range<usize>> {
        match self {
            Self::Json(range) | Self::Part(range) | Self::Form(range) => Some(range.clone()),
            Self::Null(_) | Self::Object { .. } | Self::Parts { .. } | Self::Fields => None,
        }
    }

    /// Whether something stands where the model does.
    pub(in crate::request) fn is_taken(&self) -> bool {
        matches!(self, Self::Null(_)) || self.model().is_some()
    }

    /// What to write, and in which range's place, so that the body names `model`.
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

/// A name as a string of JSON.
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
