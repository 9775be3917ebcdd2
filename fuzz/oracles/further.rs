//! The models that an upstream may use besides the one that is asked for, read from a whole JSON body.

use std::collections::BTreeSet;

use serde_json::Value;

pub(crate) fn further(body: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for key in ["models", "fallbacks", "context_window_fallbacks", "content_policy_fallbacks"] {
        names(&body[key], &mut found);
    }
    let within = [
        ("extra_body", 1),
        ("session", 8),
        ("input_audio_transcription", 1),
        ("requests", 3),
        ("generateContentRequest", 1),
    ];
    for (key, levels) in within {
        keyed(&body[key], levels, &mut found);
    }
    match &body["tools"] {
        Value::Array(tools) => tools.iter().for_each(|tool| keyed(tool, 1, &mut found)),
        tools => keyed(tools, 2, &mut found),
    }
    found
}

/// Names, lists of them, objects whose values are lists of them, and those at the key `model`.
fn names<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::String(name) => {
            found.insert(name);
        }
        Value::Array(list) => list.iter().for_each(|value| names(value, found)),
        Value::Object(object) => {
            let counts = |key: &str, value: &Value| key == "model" || value.is_array();
            object
                .iter()
                .filter(|(key, value)| counts(key, value))
                .for_each(|(_, value)| names(value, found));
        }
        _ => {}
    }
}

/// The strings at the key `model`, so many levels down.
fn keyed<'v>(value: &'v Value, levels: u8, found: &mut BTreeSet<&'v str>) {
    if levels == 0 {
        return;
    }
    match value {
        Value::Array(list) => list.iter().for_each(|value| keyed(value, levels - 1, found)),
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(name) if key == "model" => {
                        found.insert(name);
                    }
                    value => keyed(value, levels - 1, found),
                }
            }
        }
        _ => {}
    }
}
