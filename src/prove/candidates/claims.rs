//! Changes the claims of a token.

use serde_json::{Map, Value, json};

use super::guide::Guide;
use crate::config::ClaimFields;
use crate::names::ClaimPath;
use crate::prove::scenario::Scenario;

/// A value that nothing names.
pub(super) const SOMEBODY: &str = "somebody";

impl Guide<'_> {
    /// A role of the token, by its name.
    pub(super) fn with_role(&self, from: &Scenario, role: &str, wanted: bool) -> Vec<Scenario> {
        let fields = self.role_fields();
        if !wanted {
            return vec![self.with_claims(from, |claims| {
                fields.iter().for_each(|field| remove(claims, field, role));
            })];
        }
        let with = fields.iter().map(|field| self.with_claims(from, |claims| add(claims, field, role)));
        with.collect()
    }

    pub(super) fn with_scope(&self, from: &Scenario, scope: &str, wanted: bool) -> Vec<Scenario> {
        let Ok(path) = "scope".parse::<ClaimPath>() else { return vec![from.clone()] };
        vec![self.with_claims(from, |claims| {
            if wanted { add(claims, &path, scope) } else { remove(claims, &path, scope) }
        })]
    }

    /// A tag of the caller, with a value.
    pub(super) fn with_tag(
        &self,
        from: &Scenario,
        name: &str,
        value: Option<&str>,
        wanted: bool,
    ) -> Vec<Scenario> {
        let Ok(path) = name.parse::<ClaimPath>() else { return vec![from.clone()] };
        vec![self.with_claims(from, |claims| match (value, wanted) {
            (None, true) if path.find(claims).is_some() => {}
            (value, true) => add(claims, &path, value.unwrap_or(SOMEBODY)),
            (None, false) => _ = claims.remove(path.claim()),
            (Some(value), false) => {
                remove(claims, &path, value);
                // The tag stays, with another value.
                if path.find(claims).is_none() {
                    add(claims, &path, SOMEBODY);
                }
            }
        })]
    }

    /// An optional attribute of the caller.
    pub(super) fn with_attribute(&self, from: &Scenario, attribute: &str, wanted: bool) -> Vec<Scenario> {
        let Some(path) = self.claim_of(from, attribute) else { return Vec::new() };
        let value = if attribute == "email_domain" { "somebody@example.com" } else { SOMEBODY };
        vec![self.with_claims(from, |claims| match wanted {
            true if path.find(claims).is_some() => {}
            true => set(claims, &path, value),
            false => _ = claims.remove(path.claim()),
        })]
    }

    /// An attribute of the caller with a text as its value, or another value.
    pub(super) fn with_text(
        &self,
        from: &Scenario,
        attribute: &str,
        text: &str,
        wanted: bool,
    ) -> Vec<Scenario> {
        let Some(path) = self.claim_of(from, attribute) else { return Vec::new() };
        let value = if attribute == "email_domain" { format!("{SOMEBODY}@{text}") } else { text.to_owned() };
        vec![self.with_claims(from, |claims| {
            let is = path.find(claims).and_then(Value::as_str).is_some_and(|own| match attribute {
                "email_domain" => own.rsplit_once('@').is_some_and(|(_, domain)| domain == text),
                _ => own == text,
            });
            match wanted {
                _ if is == wanted => {}
                true => set(claims, &path, &value),
                false => set(
                    claims,
                    &path,
                    if attribute.starts_with("email") { "x@example.com" } else { SOMEBODY },
                ),
            }
        })]
    }

    /// The claim that an attribute of the caller is read from.
    fn claim_of(&self, from: &Scenario, attribute: &str) -> Option<ClaimPath> {
        let fields = self.fields(from);
        match attribute {
            "issuer" => "iss".parse().ok(),
            "subject" => "sub".parse().ok(),
            "client_id" => "azp".parse().ok(),
            "user_id" => fields.user_id.or(fields.user_email).cloned(),
            "email" | "email_domain" => fields.user_email.cloned(),
            _ => None,
        }
    }

    pub(super) fn fields(&self, from: &Scenario) -> ClaimFields<'_> {
        let issuer = from.claims.as_ref().and_then(|claims| claims.get("iss")).and_then(Value::as_str);
        let none = ClaimFields { team_id: None, team_ids: None, user_id: None, user_email: None };
        self.snapshot.config().jwt.as_ref().map_or(none, |jwt| jwt.claim_fields(issuer))
    }

    pub(super) fn role_fields(&self) -> Vec<&ClaimPath> {
        let jwt = self.snapshot.config().jwt.as_ref();
        jwt.into_iter().flat_map(|jwt| [&jwt.user_roles_jwt_field, &jwt.roles_jwt_field]).flatten().collect()
    }

    /// The request with other claims. The master key gives way to a token.
    pub(super) fn with_claims(
        &self,
        from: &Scenario,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Scenario {
        let mut claims = from.claims.clone().unwrap_or_else(|| self.token());
        change(&mut claims);
        Scenario { claims: Some(claims), ..from.clone() }
    }
}

/// The names in a claim.
pub(super) fn names(from: &Scenario, path: &ClaimPath) -> Vec<String> {
    let value = from.claims.as_ref().and_then(|claims| path.find(claims));
    match value {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(names)) => names.split_ascii_whitespace().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Sets a single value.
pub(super) fn set(claims: &mut Map<String, Value>, path: &ClaimPath, value: &str) {
    path.place(claims).into_iter().for_each(|place| *place = value.into());
}

/// Adds a name to a list.
pub(super) fn add(claims: &mut Map<String, Value>, path: &ClaimPath, name: &str) {
    match path.place(claims) {
        Some(Value::Array(names)) if names.contains(&name.into()) => {}
        Some(Value::Array(names)) => names.push(name.into()),
        Some(place) => *place = json!([name]),
        None => {}
    }
}

/// Removes a name from a list. An empty list is no claim.
pub(super) fn remove(claims: &mut Map<String, Value>, path: &ClaimPath, name: &str) {
    if let Some(Value::Array(names)) = path.find_mut(claims) {
        names.retain(|own| own.as_str() != Some(name));
        if !names.is_empty() {
            return;
        }
    } else if path.find(claims).and_then(Value::as_str) != Some(name) {
        return;
    }
    claims.remove(path.claim());
}
