//! Visits a JSON value without building a tree. Different visitors share one reader.

use super::scan::{Json, Kind};
use super::token::Token;

/// A visitor of a value and of the values inside it.
pub(in crate::request) trait Look {
    /// The visitor of an inner value.
    type Inside<'l>: Look
    where
        Self: 'l;

    /// Visits a string, which was validated but not decoded.
    fn text(&mut self, _: Token<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Visits the text of a number.
    fn number(&mut self, _: &str) -> Result<(), String> {
        Ok(())
    }

    /// Visits `true` or `false`.
    fn bool(&mut self, _: bool) -> Result<(), String> {
        Ok(())
    }

    /// Whether the value is only validated, because nothing in it matters.
    #[inline(always)]
    fn is_over(&self) -> bool {
        false
    }

    /// An object or a list begins.
    fn opens(&mut self, _: Kind) -> Result<(), String> {
        Ok(())
    }

    /// Returns the visitor of the next member of a list.
    fn element(&mut self) -> Self::Inside<'_>;

    /// Returns the visitor of a member of an object. The key was validated but not decoded.
    fn member(&mut self, key: Token<'_>) -> Result<Self::Inside<'_>, String>;
}

/// Reads and validates the next value. Passes every part of it to the visitor.
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

// Only a value with inner values is worth a call.
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

/// Visits without any effect.
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
