//! Looking at a JSON value without building a tree: one reader, many things to look for.

use super::scan::{Json, Kind};
use super::string::Token;

/// What looks at a value, and at the values inside it.
pub(super) trait Look {
    /// What looks at a value inside.
    type Inside<'l>: Look
    where
        Self: 'l;

    /// Sees a string, which was validated, but not decoded.
    fn text(&mut self, _: Token<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Sees a number, `true` or `false`.
    fn number_or_bool(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// What looks at the next member of a list.
    fn element(&mut self) -> Self::Inside<'_>;

    /// A member of the list was there and has been looked at.
    fn element_ended(&mut self) {}

    /// What looks at a member of an object. The key was validated, but not decoded.
    fn member(&mut self, key: Token<'_>) -> Result<Self::Inside<'_>, String>;
}

/// Reads and validates the next value, and lets a look see every part of it.
#[inline(always)]
pub(super) fn walk<L: Look>(json: &mut Json<'_>, mut look: L) -> Result<(), String> {
    match json.next_kind()? {
        Kind::Object => walk_object(json, look),
        Kind::List => walk_list(json, look),
        Kind::Text => {
            let text = json.string()?;
            look.text(text)
        }
        Kind::Number => {
            json.number()?;
            look.number_or_bool()
        }
        Kind::Bool => {
            json.word()?;
            look.number_or_bool()
        }
        Kind::Null => json.word(),
    }
}

// Only what has values inside is worth a call.
#[inline(never)]
fn walk_object<L: Look>(json: &mut Json<'_>, mut look: L) -> Result<(), String> {
    json.object(|json, key| walk(json, look.member(key)?))
}

#[inline(never)]
fn walk_list<L: Look>(json: &mut Json<'_>, mut look: L) -> Result<(), String> {
    json.list(|json| {
        walk(json, look.element())?;
        look.element_ended();
        Ok(())
    })
}

/// Reads and validates the next value, and returns where it stands, and what it says.
pub(super) fn raw<'b>(json: &mut Json<'b>) -> Result<(usize, &'b str), String> {
    json.spanned(|json| walk(json, Nothing))
}

/// Looks for nothing.
pub(super) struct Nothing;

impl Look for Nothing {
    type Inside<'l> = Self;

    fn element(&mut self) -> Self {
        Self
    }

    fn member(&mut self, _: Token<'_>) -> Result<Self, String> {
        Ok(Self)
    }
}
