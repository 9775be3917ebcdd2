//! The zone of a value in a body, which determines the value's meaning.

use super::usage::Usage;

/// The zone of a value in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Zone {
    /// [`MEMBERS`](crate::request::keys::members::MEMBERS) defines the members.
    Settings(Depth),
    /// Names, lists of them, and objects of lists.
    Names(Form),
    /// A list contains names; other values do not.
    NameList,
    /// Each value of an object is a name or a list of names.
    NameMap,
    /// A name, or the word `default`, which is not a name.
    Fallbacks,
    /// Refers to a model indirectly, under this key.
    Reference(&'static str),
    Metadata,
    Free,
    /// Content for the model. The flag: the value is the kind of a part.
    Said {
        is_kind: bool,
    },
    Input,
    Prompt,
    Tools,
    Offer,
    Number(Usage, Depth),
    Stream,
    Image,
    Audio,
    Modalities,
}

/// The kinds of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Depth {
    /// The body itself. Numbers must be numbers.
    Top,
    /// An object that some API reads.
    Known,
    /// Settings that LiteLLM adds to a request without changes.
    Extra,
    /// Settings of a fallback, which replace the request's own.
    Fallback,
    /// Any other object.
    Other,
    /// A tool.
    Tool,
    /// A deployment of LiteLLM.
    Deployment,
}

/// The form of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Form {
    /// Only names; an object has settings for a model, or lists of models.
    Fallbacks,
    /// Only names; an object has the name at `id` or `name`.
    Models,
    /// The same, but the value may be something other than a name.
    Any,
}
