//! Where in a body a value stands, which says what it means.

use super::usage::Usage;

/// Where in a body a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Zone {
    /// Members are what [`MEMBERS`] says.
    Settings(Depth),
    /// Names, lists of them, and objects of lists.
    Names(Form),
    /// A list is of names; nothing else is.
    NameList,
    /// Each value of an object is a name, or a list of them.
    NameMap,
    /// A name, or the word `default`, which names none.
    Fallbacks,
    /// Stands for a model, under this key.
    Reference(&'static str),
    Metadata,
    Free,
    /// What is said to the model. Whether it is the kind of a part.
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

/// Which settings those are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Depth {
    /// The body itself. Numbers must be numbers.
    Top,
    /// An object that some API reads.
    Known,
    /// What LiteLLM adds to a request as it is.
    Extra,
    /// What a fallback has instead of the request's own.
    Fallback,
    /// Any other object.
    Other,
    /// A tool.
    Tool,
    /// A deployment of LiteLLM's.
    Deployment,
}

/// How names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Form {
    /// Names alone; an object has settings for a model, or lists of models.
    Fallbacks,
    /// Names alone; an object has one at `id` or `name`.
    Models,
    /// The same, if it is a name at all.
    Any,
}
