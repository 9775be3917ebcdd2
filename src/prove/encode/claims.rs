//! The variables that stand for a token and for the header of a team.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::text::{and, quoted};
use crate::config::{ClaimFields, JwtAuth};
use crate::names::ClaimPath;

/// How a claim is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::prove) enum Reading {
    /// A single value.
    Scalar,
    /// A list of names.
    Names,
}

/// The variables of the claims that configurations read, by path.
#[derive(Clone, Debug, Default)]
pub(in crate::prove) struct Claims {
    known: BTreeMap<(Reading, String), (String, ClaimPath)>,
}

impl Claims {
    /// The variable of a claim.
    pub(super) fn variable(&mut self, reading: Reading, path: &ClaimPath) -> String {
        let number = self.known.len();
        let prefix = if reading == Reading::Scalar { "s" } else { "n" };
        let key = (reading, path.as_str().to_owned());
        let (name, _) = self.known.entry(key).or_insert_with(|| (format!("{prefix}{number}"), path.clone()));
        name.clone()
    }

    /// Every variable with its path.
    pub(in crate::prove) fn all(&self) -> impl Iterator<Item = (Reading, &str, &ClaimPath)> {
        self.known.iter().map(|((reading, _), (name, path))| (*reading, name.as_str(), path))
    }

    /// The type of the record.
    pub(super) fn record(&self) -> Value {
        let text = json!({"type": "String", "required": false});
        let names = json!({"type": "Set", "element": {"type": "String"}});
        let flag = json!({"type": "Boolean"});
        let fixed = ["master", "overage", "odd_team"].map(|name| (name, &flag));
        let fixed = fixed.into_iter().chain([("scopes", &names)]);
        let fixed = fixed.chain(["header", "iss", "sub"].map(|name| (name, &text)));
        let claims = self.all().map(|(reading, name, _)| match reading {
            Reading::Scalar => (name, &text),
            Reading::Names => (name, &names),
        });
        let attributes: Map<String, Value> =
            fixed.chain(claims).map(|(name, ty)| (name.to_owned(), ty.clone())).collect();
        json!({"type": "Record", "attributes": attributes})
    }

    /// A single value is present.
    pub(super) fn has(&mut self, path: Option<&ClaimPath>) -> String {
        path.map_or("false".to_owned(), |path| {
            format!("context.c has {}", self.variable(Reading::Scalar, path))
        })
    }

    /// A single value is this one.
    pub(super) fn is(&mut self, path: Option<&ClaimPath>, value: &str) -> String {
        let Some(path) = path else { return "false".to_owned() };
        let name = self.variable(Reading::Scalar, path);
        format!("(context.c has {name} && context.c.{name} == {})", quoted(value))
    }

    /// A single value is present, and this condition of it is true.
    pub(super) fn has_and(&mut self, path: Option<&ClaimPath>, condition: impl Fn(&str) -> String) -> String {
        let Some(path) = path else { return "false".to_owned() };
        let name = self.variable(Reading::Scalar, path);
        and([format!("context.c has {name}"), condition(&format!("context.c.{name}"))])
    }

    /// The set of names of a claim.
    pub(super) fn names(&mut self, path: Option<&ClaimPath>) -> Option<String> {
        path.map(|path| format!("context.c.{}", self.variable(Reading::Names, path)))
    }

    /// A name is among those of a claim.
    pub(super) fn contains(&mut self, path: Option<&ClaimPath>, name: &str) -> String {
        self.names(path).map_or("false".to_owned(), |names| format!("{names}.contains({})", quoted(name)))
    }

    /// A condition that depends on which claims are read for the issuer of the token.
    pub(super) fn by_issuer(
        &mut self,
        jwt: &JwtAuth,
        condition: impl Fn(&mut Self, &ClaimFields<'_>) -> String,
    ) -> String {
        let mut text = condition(self, &jwt.claim_fields(None));
        for entry in &jwt.tokens.issuers {
            let own = condition(self, &jwt.claim_fields(Some(&entry.issuer)));
            if own != text {
                text = format!(
                    "(if context.c has iss && context.c.iss == {} then {own} else {text})",
                    quoted(&entry.issuer)
                );
            }
        }
        text
    }
}
