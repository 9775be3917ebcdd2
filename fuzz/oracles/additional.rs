//! The additional models that a plain reader of a whole JSON body finds. The gateway must judge at least these. Each
//! of them must be judged.

use std::collections::BTreeSet;

use serde_json::Value;

/// Members that callers fill freely, or that have a parser of their own.
pub(crate) const FREE: [&str; 41] = [
    "messages",
    "input",
    "inputs",
    "contents",
    "content",
    "system",
    "systemInstruction",
    "system_instruction",
    "instances",
    "item",
    "items",
    "chat_history",
    "additional_messages",
    "prompt",
    "metadata",
    "litellm_metadata",
    "json_schema",
    "schema",
    "responseSchema",
    "response_schema",
    "responseJsonSchema",
    "response_json_schema",
    "item_schema",
    "guided_json",
    "properties",
    "arguments",
    "documents",
    "logit_bias",
    "stop",
    "stop_sequences",
    "stopSequences",
    "prompt_variables",
    "parameters",
    "parametersJsonSchema",
    "input_schema",
    "inputSchema",
    "output_schema",
    "args",
    "response",
    "json",
    "fallbacks",
];

/// Whether a key, or a part of it between brackets and similar characters, ends with a word for a model.
pub(crate) fn is_models(key: &str) -> bool {
    let words = ["model", "models", "deployment", "fallback", "fallbacks"];
    let ends = ["", "id", "ids", "name", "names"];
    key.split(['[', ']', '.', '/', ':']).any(|part| {
        let letters: String = part.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        ends.iter().any(|end| words.iter().any(|word| letters.ends_with(&format!("{word}{end}"))))
    })
}

pub(crate) fn additional(body: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    walk(body, &mut found);
    fallbacks(&body["fallbacks"], &mut found);
    fallbacks(&body["extra_body"]["fallbacks"], &mut found);
    if let Some(tools) = body["input"].as_array() {
        tools.iter().for_each(|item| walk(&item["tools"], &mut found));
    }
    found
}

fn walk<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
        Value::Object(object) => {
            for (key, value) in object.iter().filter(|(key, _)| !FREE.contains(&key.as_str())) {
                if is_models(key) {
                    strings(value, found);
                }
                walk(value, found);
            }
        }
        _ => {}
    }
}

/// A name, or a list of them.
fn strings<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::String(name) if !name.is_empty() => {
            found.insert(name);
        }
        Value::Array(list) => list.iter().for_each(|value| strings(value, found)),
        _ => {}
    }
}

/// Lists of names, and objects of such lists or with a `model`.
fn fallbacks<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    let Value::Array(list) = value else { return };
    for value in list {
        strings(value, found);
        if let Value::Object(object) = value {
            let is_known = |key: &str| {
                FREE.contains(&key) || ["modalities", "tools", "functions", "plugins"].contains(&key)
            };
            let lists =
                object.iter().filter(|(key, value)| value.is_array() && !is_known(key) && key.len() == 1);
            lists.for_each(|(_, value)| strings(value, found));
            if let Some(model) = object.get("model") {
                strings(model, found);
            }
        }
    }
}
