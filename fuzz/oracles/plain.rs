//! JSON as `serde_json` reads it, and what it forgives.

use serde_json::Value;

/// Begins the keys that `serde_json` keeps for itself: its `Value` does not read them as they are written.
const RESERVED: &str = "$serde_json";

/// The value, with whether some object has a member twice and how many lists and objects stand inside each other; `None` if
/// `serde_json` refuses the text or keeps a key of it for itself.
pub(crate) fn read(text: &[u8]) -> Option<(Value, bool, usize)> {
    let text = std::str::from_utf8(text).ok().filter(|text| !text.contains(RESERVED))?;
    let value = serde_json::from_str(text).ok()?;
    let (twice, depth) = (has_duplicates(text.as_bytes(), &value), depth(&value));
    Some((value, twice, depth))
}

/// What stands twice is lost in the value. Outside strings a colon stands for each member and for nothing else.
fn has_duplicates(text: &[u8], value: &Value) -> bool {
    let (mut colons, mut in_string, mut escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b':' if !in_string => colons += 1,
            _ => {}
        }
    }
    colons != members(value)
}

fn members(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(members).sum(),
        Value::Object(object) => object.values().map(|value| 1 + members(value)).sum(),
        _ => 0,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or_default(),
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
