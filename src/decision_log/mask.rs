//! Masks what a line must not show.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Input, Line, cut};
use crate::config::Masked;
use crate::display::escape;
use crate::names::ClaimPath;

const MASK: &str = "***";
/// `{"alg":"none"}` in base64url.
const SHORTEST_JWT: usize = 19;

/// The fields that the configuration masks.
#[derive(Clone, Debug)]
pub(crate) struct Mask(Vec<Masked>);

impl Mask {
    pub(crate) fn new(fields: &[Masked]) -> Self {
        Self(fields.to_vec())
    }

    /// Masks a line: the configured fields, their values in other fields, and every text that looks like a credential.
    pub(crate) fn apply(&self, line: &mut Line) {
        let hidden = self.hide_fields(line);
        if let Some(caller) = &mut line.caller {
            let one = [&mut caller.subject, &mut caller.issuer, &mut caller.user_id, &mut caller.team];
            let names = one.into_iter().flatten().chain(&mut caller.teams);
            names.for_each(|text| clean(text, &hidden));
        }
        let others = [&mut line.request_id, &mut line.method, &mut line.route].into_iter();
        others.chain(&mut line.models).for_each(|text| clean(text, &BTreeSet::new()));
        if let Some(access) = &mut line.access {
            let texts = [&mut access.action, &mut access.resource_type, &mut access.resource];
            texts.into_iter().for_each(|text| clean(text, &hidden));
        }
        if let Some(input) = &mut line.input {
            self.clean_input(input, &hidden);
        }
    }

    /// Masks the caller's fields, whose values are then masked elsewhere too, and the fields that are masked alone.
    fn hide_fields(&self, line: &mut Line) -> BTreeSet<String> {
        let mut hidden = BTreeSet::new();
        for field in &self.0 {
            if let Some(caller) = &line.caller {
                match field {
                    Masked::Subject => hidden.extend(caller.subject.clone()),
                    Masked::Issuer => hidden.extend(caller.issuer.clone()),
                    Masked::UserId => hidden.extend(caller.user_id.clone()),
                    Masked::Team => hidden.extend(caller.team.clone()),
                    Masked::Teams => hidden.extend(caller.teams.iter().cloned()),
                    _ => {}
                }
            }
            match field {
                Masked::RequestId => mask(&mut line.request_id),
                Masked::Route => {
                    mask(&mut line.route);
                    line.access.iter_mut().for_each(|access| mask(&mut access.resource));
                }
                Masked::Models => line.models.iter_mut().for_each(mask),
                _ => {}
            }
        }
        hidden
    }

    fn clean_input(&self, input: &mut Input, hidden: &BTreeSet<String>) {
        for field in &self.0 {
            match field {
                Masked::Route => mask(&mut input.path),
                Masked::Models => input.model.iter_mut().chain(&mut input.additional_models).for_each(mask),
                Masked::Source => input.source.iter_mut().for_each(mask),
                Masked::TeamHeader => input.team_header.iter_mut().for_each(mask),
                Masked::Claim(path) => input.claims.iter_mut().for_each(|claims| mask_claim(claims, path)),
                _ => {}
            }
        }
        let names = [&mut input.method, &mut input.path].into_iter();
        let names =
            names.chain(&mut input.model).chain(&mut input.additional_models).chain(&mut input.team_header);
        names.for_each(|text| clean(text, hidden));
        if let Some(claims) = &mut input.claims {
            Arc::make_mut(claims).values_mut().for_each(|value| clean_value(value, hidden));
        }
    }
}

fn mask(text: &mut String) {
    MASK.clone_into(text);
}

/// LiteLLM's paths drop a leading `metadata.`. Here the claim may be inside such an object.
fn mask_claim(claims: &mut Arc<Map<String, Value>>, path: &ClaimPath) {
    let claims = Arc::make_mut(claims);
    let mask = |value: &mut Value| *value = MASK.into();
    path.find_mut(claims).map(mask);
    if let Some(Value::Object(metadata)) = claims.get_mut("metadata") {
        path.find_mut(metadata).map(mask);
    }
}

fn clean_value(value: &mut Value, hidden: &BTreeSet<String>) {
    match value {
        Value::String(text) => clean(text, hidden),
        Value::Array(items) => items.iter_mut().for_each(|item| clean_value(item, hidden)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| clean_value(entry, hidden)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Masks a text that is hidden or contains a hidden word. In other text, masks the parts that look like a credential.
fn clean(text: &mut String, hidden: &BTreeSet<String>) {
    if hidden.contains(text.as_str()) || text.split_whitespace().any(|word| hidden.contains(word)) {
        mask(text);
    } else if ["sk-", "eyJ", "%"].iter().any(|sign| text.contains(sign)) {
        *text = without_credentials(text);
    }
}

/// A name that is safe to show: its length is limited, parts that look like a credential are masked, and it is escaped.
pub(crate) fn shown(name: &str) -> String {
    escape(&without_credentials(&cut(name))).into_owned()
}

fn without_credentials(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.%".contains(c);
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (part, tail) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
        clean.push_str(if looks_like_a_credential(part) { MASK } else { part });
        let (between, tail) = tail.split_at(tail.find(is_part).unwrap_or(tail.len()));
        clean.push_str(between);
        rest = tail;
    }
    clean
}

/// A virtual key, or a JWT that may be cut. A JWT's header is an object, so it begins with `{"`. Both may have URL
/// escapes.
fn looks_like_a_credential(part: &str) -> bool {
    let part = percent_encoding::percent_decode_str(part).decode_utf8_lossy();
    let mut words = part.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    words.any(|word| word.starts_with("sk-") || (word.starts_with("eyJ") && word.len() >= SHORTEST_JWT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str, hidden: &[&str]) -> String {
        let mut text = text.to_owned();
        clean(&mut text, &hidden.iter().map(ToString::to_string).collect());
        text
    }

    #[test]
    fn what_looks_like_a_credential_is_masked_in_its_place() {
        assert_eq!(cleaned("/key/sk-1234/regenerate", &[]), "/key/***/regenerate");
        assert_eq!(cleaned("/x/eyJhbGciOiJub25lIn0.e30.c2ln", &[]), "/x/***");
        assert_eq!(cleaned("Bearer sk-a, sk-b", &[]), "Bearer ***, ***");
        assert_eq!(cleaned("/key/%73k%2d1234/%65yJhbGciOiJub25lIn0/x", &[]), "/key/***/***/x");
        for harmless in ["risk-model/eyJ", "100%", "a%20b/%zz"] {
            assert_eq!(cleaned(harmless, &[]), harmless);
        }
    }

    #[test]
    fn a_hidden_value_is_masked_as_a_whole_and_as_a_word() {
        assert_eq!(cleaned("ada", &["ada"]), "***");
        assert_eq!(cleaned("red blue", &["blue"]), "***");
        assert_eq!(cleaned("adam", &["ada"]), "adam");
    }
}
