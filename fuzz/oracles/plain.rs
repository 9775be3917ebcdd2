//! JSON as `serde_json` reads it, including what it tolerates.

use serde_json::Value;

/// The prefix of keys that `serde_json` reserves. Its `Value` does not keep them as written.
const RESERVED: &str = "$serde_json";

/// The value, whether an object has a duplicate member, and the nesting depth. `None` if `serde_json` refuses the
/// text or reserves a key of it.
pub(crate) fn read(text: &[u8]) -> Option<(Value, bool, usize)> {
    let text = std::str::from_utf8(text).ok().filter(|text| !text.contains(RESERVED))?;
    let value = serde_json::from_str(text).ok()?;
    let (twice, depth) = (has_duplicates(text.as_bytes(), &value), depth(&value));
    Some((value, twice, depth))
}

/// A duplicate member is lost in the value. Outside strings, each colon belongs to one member.
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
