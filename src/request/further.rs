//! Further models: those that an upstream may use besides the one that is asked for.

use super::spelling::is_disguised;
use super::string::Token;
use super::walk::Look;
use crate::names::ModelName;

/// The most further models that a request may name.
const MAX_FURTHER: usize = 64;

/// Adds a name, once.
pub(super) fn add(names: &mut Vec<ModelName>, name: &str) -> Result<(), String> {
    let name = super::model_name("a further place", name).map_err(|error| error.to_string())?;
    if !names.contains(&name) {
        names.push(name);
    }
    if names.len() > MAX_FURTHER { Err("too many further models".to_owned()) } else { Ok(()) }
}

/// Where in a value models are named.
#[derive(Clone, Copy)]
pub(super) enum Where {
    /// In `models` or `fallbacks`: names, lists of them, objects whose values are lists (their keys are models that are
    /// replaced, not used), and objects with a `model` among other parameters.
    Names,
    /// In the value, if it is a list: names as above.
    List,
    /// At the key `model`, at most so many lists and objects down.
    Within(u8),
    /// In the value, if it is a string; else as within.
    Here(u8),
    /// Nowhere in it.
    Nowhere,
}

impl Where {
    /// Where models are named in a list's members.
    fn in_elements(self) -> Self {
        match self {
            Self::Names | Self::List => Self::Names,
            Self::Within(levels) | Self::Here(levels) => {
                levels.checked_sub(1).map_or(Self::Nowhere, Self::Within)
            }
            Self::Nowhere => Self::Nowhere,
        }
    }

    /// Where models are named in an object's member.
    fn in_member(self, key: Token<'_>) -> Result<Self, String> {
        Ok(match self {
            Self::Names if is_model(key)? => Self::Names,
            Self::Names => Self::List,
            Self::Within(_) | Self::Here(_) => match self.in_elements() {
                Self::Within(levels) if is_model(key)? => Self::Here(levels),
                below => below,
            },
            Self::List | Self::Nowhere => Self::Nowhere,
        })
    }
}

fn is_model(key: Token<'_>) -> Result<bool, String> {
    let key = key.decoded()?;
    if is_disguised(&key, "model") {
        return Err("a key is spelled almost like `model`".to_owned());
    }
    Ok(key == "model")
}

/// Collects the models that are named there.
pub(super) struct Models<'n> {
    pub(super) names: &'n mut Vec<ModelName>,
    pub(super) place: Where,
}

impl Models<'_> {
    fn at(&mut self, place: Where) -> Models<'_> {
        Models { names: &mut *self.names, place }
    }
}

impl Look for Models<'_> {
    type Inside<'l>
        = Models<'l>
    where
        Self: 'l;

    fn text(&mut self, text: Token<'_>) -> Result<(), String> {
        match self.place {
            Where::Names | Where::Here(_) => add(self.names, &text.decoded()?),
            Where::List | Where::Within(_) | Where::Nowhere => Ok(()),
        }
    }

    fn number_or_bool(&mut self) -> Result<(), String> {
        match self.place {
            Where::Names => Err("a model's name is not a string".to_owned()),
            _ => Ok(()),
        }
    }

    fn element(&mut self) -> Models<'_> {
        self.at(self.place.in_elements())
    }

    fn member(&mut self, key: Token<'_>) -> Result<Models<'_>, String> {
        let place = self.place.in_member(key)?;
        Ok(self.at(place))
    }
}

/// Counts tools, and collects the models that they name.
pub(super) struct Tools<'n> {
    pub(super) names: &'n mut Vec<ModelName>,
    pub(super) count: &'n mut i64,
}

impl Look for Tools<'_> {
    type Inside<'l>
        = Models<'l>
    where
        Self: 'l;

    fn element_ended(&mut self) {
        *self.count = self.count.saturating_add(1);
    }

    fn element(&mut self) -> Models<'_> {
        Models { names: &mut *self.names, place: Where::Within(1) }
    }

    /// Tools in an object count as one.
    fn member(&mut self, key: Token<'_>) -> Result<Models<'_>, String> {
        *self.count = (*self.count).max(1);
        Ok(Models { names: &mut *self.names, place: Where::Within(2).in_member(key)? })
    }
}
