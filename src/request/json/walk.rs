//! Looking at a JSON value without building a tree: one reader, many things to look for.

use super::scan::{Json, Kind};
use super::token::Token;

/// What looks at a value, and at the values inside it.
pub(in crate::request) trait Look {
    /// What looks at a value inside.
    type Inside<'l>: Look
    where
        Self: 'l;

    /// Sees a string, which was validated, but not decoded.
    fn text(&mut self, _: Token<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Sees the text of a number.
    fn number(&mut self, _: &str) -> Result<(), String> {
        Ok(())
    }

    /// Sees `true` or `false`.
    fn bool(&mut self, _: bool) -> Result<(), String> {
        Ok(())
    }

    /// Whether nothing in the value is of interest, so that it is validated alone.
    #[inline(always)]
    fn is_over(&self) -> bool {
        false
    }

    /// An object or a list begins.
    fn opens(&mut self, _: Kind) -> Result<(), String> {
        Ok(())
    }

    /// What looks at the next member of a list.
    fn element(&mut self) -> Self::Inside<'_>;

    /// What looks at a member of an object. The key was validated, but not decoded.
    fn member(&mut self, key: Token<'_>) -> Result<Self::Inside<'_>, String>;
}

/// Reads and validates the next value, and lets a look see every part of it.
#[inline(always)]
pub(in crate::request) fn walk<L: Look>(json: &mut Json<'_>, mut look: L) -> Result<(), String> {
    match json.next_kind()? {
        Kind::Object => walk_object(json, look),
        Kind::List => walk_list(json, look),
        Kind::Text => {
            let text = json.string()?;
            look.text(text)
        }
        Kind::Number => {
            let text = json.number()?;
            look.number(text)
        }
        Kind::Bool | Kind::Null => match json.word()? {
            Some(value) => look.bool(value),
            None => Ok(()),
        },
    }
}

// Only what has values inside is worth a call.
#[inline(never)]
fn walk_object<L: Look>(json: &mut Json<'_>, mut look: L) -> Result<(), String> {
    if look.is_over() {
        return nothing_in_object(json);
    }
    look.opens(Kind::Object)?;
    json.object(|json, key| walk(json, look.member(key)?))
}

#[inline(never)]
fn walk_list<L: Look>(json: &mut Json<'_>, mut look: L) -> Result<(), String> {
    if look.is_over() {
        return nothing_in_list(json);
    }
    look.opens(Kind::List)?;
    json.list(|json| walk(json, look.element()))
}

#[inline(never)]
fn nothing_in_object(json: &mut Json<'_>) -> Result<(), String> {
    json.object(|json, _| walk(json, Nothing))
}

#[inline(never)]
fn nothing_in_list(json: &mut Json<'_>) -> Result<(), String> {
    json.list(|json| walk(json, Nothing))
}

/// Looks for nothing.
pub(in crate::request) struct Nothing;

impl Look for Nothing {
    type Inside<'l> = Self;

    #[inline(always)]
    fn is_over(&self) -> bool {
        true
    }

    fn element(&mut self) -> Self {
        Self
    }

    fn member(&mut self, _: Token<'_>) -> Result<Self, String> {
        Ok(Self)
    }
}
