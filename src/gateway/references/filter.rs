//! Filters the JSON of a list by the owners of its members. Everything else stays as it was written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::store::Lookup;
use super::watch::is_given;

/// Which members of a list stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Those that the caller created.
    Own,
    /// Those of which nobody knows that another caller created them.
    NotForeign,
}

/// Filters one answer.
pub(super) struct Filter<'l> {
    pub(super) keep: Keep,
    pub(super) lookup: &'l dyn Fn(&str) -> Lookup,
    /// The ids of the files that the caller's own members wrote, such as the output of a batch.
    pub(super) outputs: Vec<String>,
}

/// The ids in a member of a list.
#[derive(serde::Deserialize)]
struct Member {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    name: Value,
    /// The id of LiteLLM's vector stores.
    #[serde(default)]
    vector_store_id: Value,
    #[serde(default)]
    output_file_id: Value,
    #[serde(default)]
    error_file_id: Value,
}

/// The members of an object in their order, as they are written.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl Filter<'_> {
    /// Filters an answer: a list, or an object with lists. `Some(None)` if everything stays, `None` if it is neither.
    pub(super) fn list(&mut self, text: &[u8]) -> Option<Option<String>> {
        let text = str::from_utf8(text).ok()?;
        if text.trim_start().starts_with('[') {
            let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            let kept = self.kept(&elements)?;
            return Some((kept.len() < elements.len()).then(|| written(&kept)));
        }
        let Members(members) = serde_json::from_str(text).ok()?;
        let mut lists = Vec::with_capacity(members.len());
        let mut is_same = true;
        for (_, value) in &members {
            let list = match value.get().starts_with('[') {
                true => {
                    let elements: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
                    let kept = self.kept(&elements)?;
                    is_same &= kept.len() == elements.len();
                    Some(kept)
                }
                false => None,
            };
            lists.push(list);
        }
        let main = members.iter().zip(&lists).find(|((key, _), list)| key == "data" && list.is_some());
        let main = main.or_else(|| members.iter().zip(&lists).find(|(_, list)| list.is_some()));
        let main: &[&RawValue] = main.and_then(|(_, list)| list.as_deref()).unwrap_or_default();
        let mut out = String::with_capacity(text.len());
        for ((key, value), list) in members.iter().zip(&lists) {
            out.push(if out.is_empty() { '{' } else { ',' });
            out.push_str(&Value::from(key.as_str()).to_string());
            out.push(':');
            let other = if is_same { None } else { consistent(key, value, main) };
            match (list, other) {
                (Some(list), _) => out.push_str(&written(list)),
                (None, Some(value)) => out.push_str(&value),
                // A cursor may be the id of another caller's object.
                (None, None) if self.is_foreign(value) => {
                    is_same = false;
                    out.push_str("null");
                }
                (None, None) => out.push_str(value.get()),
            }
        }
        out.push_str(if out.is_empty() { "{}" } else { "}" });
        Some((!is_same).then_some(out))
    }

    /// The elements that stay. `None` if an element cannot be read.
    fn kept<'t>(&mut self, elements: &[&'t RawValue]) -> Option<Vec<&'t RawValue>> {
        let mut kept = Vec::with_capacity(elements.len());
        for element in elements {
            if self.stays(element)? {
                kept.push(*element);
            }
        }
        Some(kept)
    }

    fn stays(&mut self, element: &RawValue) -> Option<bool> {
        let text = element.get();
        if text.starts_with('"') {
            let id: String = serde_json::from_str(text).ok()?;
            // A short word, such as the name of a tag, is nobody's.
            return Some(!is_given(&id) || self.is_kept(&(self.lookup)(&id)));
        }
        if !text.starts_with('{') {
            return Some(true);
        }
        let member: Member = serde_json::from_str(text).ok()?;
        let ids = [&member.id, &member.vector_store_id, &member.name];
        let mut found = ids.into_iter().filter_map(Value::as_str).map(|id| (self.lookup)(id));
        let first = found.find(|lookup| *lookup != Lookup::Unknown).unwrap_or(Lookup::Unknown);
        let is_foreign = first == Lookup::Foreign || found.any(|lookup| lookup == Lookup::Foreign);
        let stays = !is_foreign && self.is_kept(&first);
        if stays && matches!(first, Lookup::Own(_)) {
            let outputs = [&member.output_file_id, &member.error_file_id];
            let outputs = outputs.into_iter().filter_map(Value::as_str).filter(|id| is_given(id));
            self.outputs.extend(outputs.map(str::to_owned));
        }
        Some(stays)
    }

    fn is_kept(&self, lookup: &Lookup) -> bool {
        match self.keep {
            Keep::Own => matches!(lookup, Lookup::Own(_)),
            Keep::NotForeign => *lookup != Lookup::Foreign,
        }
    }

    fn is_foreign(&self, value: &RawValue) -> bool {
        let text = value.get();
        let id: Option<String> = text.starts_with('"').then(|| serde_json::from_str(text).ok()).flatten();
        id.is_some_and(|id| (self.lookup)(&id) == Lookup::Foreign)
    }
}

/// The value of a member that describes the list, for the elements that stay. `None` for another member.
fn consistent(key: &str, value: &RawValue, kept: &[&RawValue]) -> Option<String> {
    let id = |element: Option<&&RawValue>| {
        let member: Option<Member> = element.and_then(|element| serde_json::from_str(element.get()).ok());
        member.map_or(Value::Null, |member| member.id).to_string()
    };
    match key {
        "first_id" => Some(id(kept.first())),
        "last_id" => Some(id(kept.last())),
        // A client that has no member to go on from must not ask again and again.
        "has_more" if kept.is_empty() => Some("false".to_owned()),
        "total" | "total_count" | "totalSize" | "count" => {
            value.get().parse::<u64>().ok().map(|_| kept.len().to_string())
        }
        _ => None,
    }
}

fn written(elements: &[&RawValue]) -> String {
    let texts: Vec<&str> = elements.iter().map(|element| element.get()).collect();
    format!("[{}]", texts.join(","))
}

impl<'t> Deserialize<'t> for Members<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'t> Visitor<'t> for Reader {
            type Value = Members<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Members<'t>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn filtered(keep: Keep, text: &str) -> Option<Option<String>> {
        let lookup = |id: &str| match id.rsplit('/').next().unwrap_or(id).split('-').next() {
            Some("own") => Lookup::Own(Arc::default()),
            Some("other") => Lookup::Foreign,
            _ => Lookup::Unknown,
        };
        Filter { keep, lookup: &lookup, outputs: Vec::new() }.list(text.as_bytes())
    }

    fn own(text: &str) -> String {
        filtered(Keep::Own, text).unwrap().unwrap()
    }

    #[test]
    fn a_list_keeps_its_shape_and_its_order() {
        let text = r#"{"object":"list", "data":[{"id":"own-1","n":1.0e2},{"id":"other-1"},{"id":"file-1"}, {"id":"own-2"}],"has_more":true,"first_id":"own-1","last_id":"other-9","total":4}"#;
        let kept = r#"{"object":"list","data":[{"id":"own-1","n":1.0e2},{"id":"own-2"}],"has_more":true,"first_id":"own-1","last_id":"own-2","total":2}"#;
        assert_eq!(own(text), kept);
        let none = r#"{"data":[{"id":"x"}],"has_more":true,"first_id":"x","last_id":"x"}"#;
        assert_eq!(own(none), r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#);
        let google = r#"{"files":[{"name":"files/own-1"},{"name":"files/other-1"}],"nextPageToken":"t"}"#;
        assert_eq!(own(google), r#"{"files":[{"name":"files/own-1"}],"nextPageToken":"t"}"#);
        assert_eq!(own(r#" [{"id":"own-1"},{"id":"x"},"other-1",{}]"#), r#"[{"id":"own-1"}]"#);
    }

    #[test]
    fn a_list_that_loses_nothing_stays_as_it_is() {
        for text in
            [r#"{"data": [{"id": "own-1"}], "has_more": true}"#, "[]", "{}", r#"{"object":"list","data":[]}"#]
        {
            assert_eq!(filtered(Keep::Own, text), Some(None), "{text}");
        }
        assert_eq!(filtered(Keep::NotForeign, r#"{"data":[{"id":"x"},{}]}"#), Some(None));
    }

    #[test]
    fn what_is_known_to_be_anothers_never_stays() {
        for text in [
            r#"{"data":[{"id":"other-1"}]}"#,
            r#"{"data":[{"id":"own-1","name":"files/other-1"}]}"#,
            r#"{"data":[],"last_id":"other-1"}"#,
            r#"{"data":[{"id":"oth\u0065r-1"}]}"#,
            r#"{"d\u0061ta":[{"id":"other-1"}]}"#,
            r#"{"data":[],"data":[{"id":"other-1"}]}"#,
            r#"{"data":["other-1"]}"#,
        ] {
            for keep in [Keep::Own, Keep::NotForeign] {
                let kept = filtered(keep, text);
                assert!(matches!(&kept, Some(Some(kept)) if !kept.contains("other")), "{text}: {kept:?}");
            }
        }
    }

    #[test]
    fn what_is_no_list_or_has_two_readings_is_not_filtered() {
        for text in [
            "",
            "x",
            "1",
            "\"other-1\"",
            "{",
            r#"{"data":[{"id":"own-1","id":"other-1"}]}"#,
            "[1,]",
            "{}{}",
            "\u{feff}[]",
        ] {
            assert_eq!(filtered(Keep::Own, text), None, "{text}");
        }
    }
}
