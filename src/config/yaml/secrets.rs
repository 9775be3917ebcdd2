//! Shows the text of a configuration without its secrets, and reads such a text again.

use std::collections::HashMap;

use super::environment::REFERENCE;
use super::redaction::{is_secret, redact};
use super::tree::{Node, Value};

/// What stands in the place of a secret.
pub(in crate::config) const REPLACED: &str = "<secret>";

/// The text with each secret replaced by `"<secret>"`. Every line keeps its number. A text that cannot be shown in this way has
/// stars instead.
pub(in crate::config) fn without(text: &str, root: &Node) -> String {
    let starred = redact(text, root);
    if starred.len() != text.len() {
        return starred;
    }
    let replaced = replaced(text, &starred);
    if Node::parse(&replaced).is_ok() { replaced } else { starred }
}

/// Replaces runs of stars that are not in the original.
fn replaced(text: &str, starred: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut at, bytes) = (0, text.as_bytes());
    let is_hidden =
        |i: usize| starred.as_bytes().get(i).is_some_and(|star| *star == b'*' && bytes.get(i) != Some(star));
    while at < text.len() {
        if !is_hidden(at) {
            let end = (at..text.len()).find(|i| is_hidden(*i)).unwrap_or(text.len());
            out.push_str(starred.get(at..end).unwrap_or_default());
            at = end;
            continue;
        }
        // Breaks of lines inside of a secret are kept, behind it.
        let mut end = at;
        let mut last = at;
        while end < text.len() && matches!(starred.as_bytes().get(end), Some(b'*' | b'\n' | b'\r')) {
            if starred.as_bytes().get(end) == Some(&b'*') {
                last = end;
            }
            end += 1;
        }
        out.push('"');
        out.push_str(REPLACED);
        out.push('"');
        let inside = bytes.get(at..last).unwrap_or_default();
        out.extend(inside.iter().filter(|byte| **byte == b'\n').map(|_| '\n'));
        at = last + 1;
    }
    out
}

/// Puts each secret of `original` back where a changed text still has its replacement in the same place.
pub(in crate::config) fn restore(root: &mut Node, original: &Node) {
    match (&mut root.value, &original.value) {
        (Value::String(text), Value::String(secret)) if text == REPLACED => secret.clone_into(text),
        (Value::String(text), Value::Integer(secret)) if text == REPLACED => *text = secret.to_string(),
        (Value::Mapping(entries), Value::Mapping(_)) => {
            for entry in entries {
                if let Some(original) = original.get(&entry.key) {
                    restore(&mut entry.value, original);
                }
            }
        }
        (Value::Sequence(items), Value::Sequence(originals)) => {
            items.iter_mut().zip(originals).for_each(|(item, original)| restore(item, original));
        }
        _ => {}
    }
}

/// The environment variables that a text refers to, and whether any of the references is in the place of a secret.
pub(in crate::config) fn references(root: &Node) -> HashMap<String, bool> {
    let mut found = HashMap::new();
    collect(root, false, &mut found);
    found
}

fn collect(node: &Node, secret: bool, found: &mut HashMap<String, bool>) {
    match &node.value {
        Value::Mapping(entries) => {
            entries.iter().for_each(|entry| collect(&entry.value, secret || is_secret(&entry.key), found));
        }
        Value::Sequence(items) => items.iter().for_each(|item| collect(item, secret, found)),
        Value::String(text) => {
            if let Some(name) = text.strip_prefix(REFERENCE) {
                *found.entry(name.to_owned()).or_default() |= secret;
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        without(text, &Node::parse(text).ok().unwrap())
    }

    #[test]
    fn a_secret_is_replaced_in_its_place() {
        let text = "general_settings: {master_key: sk-1, x: 1}\nmodel_list:\n  - litellm_params: {api_key: \"sk-é\", model: a}\n";
        let expected = "general_settings: {master_key: \"<secret>\", x: 1}\nmodel_list:\n  - litellm_params: {api_key: \"<secret>\", model: a}\n";
        assert_eq!(shown(text), expected);
        assert_eq!(
            shown("a: os.environ/KEY\nmaster_key: os.environ/KEY\n"),
            "a: os.environ/KEY\nmaster_key: os.environ/KEY\n"
        );
    }

    #[test]
    fn lines_keep_their_numbers() {
        let text =
            "private_key: |\n  line one\n  line two\nafter: shown\napi_key: >-\n  sk-1\n\n  sk-2\nlast: 1\n";
        let shown = shown(text);
        assert!(!shown.contains("line") && !shown.contains("sk-"), "{shown}");
        let line = |text: &str, key: &str| text.lines().position(|line| line.starts_with(key));
        for key in ["after", "api_key", "last"] {
            assert_eq!(line(&shown, key), line(text, key), "{shown}");
        }
    }

    #[test]
    fn what_was_replaced_is_put_back_in_the_same_place_only() {
        let text = "master_key: sk-1\nlist: [{api_key: sk-2}, {api_key: 1234567890}]\n";
        let original = Node::parse(text).ok().unwrap();
        let mut changed = Node::parse(&shown(text)).ok().unwrap();
        restore(&mut changed, &original);
        let at = |root: &Node, path: &[&str]| -> String {
            let mut node = root.get(path[0]).unwrap();
            for part in &path[1..] {
                node = match &node.value {
                    Value::Sequence(items) => &items[part.parse::<usize>().unwrap()],
                    _ => node.get(part).unwrap(),
                };
            }
            match &node.value {
                Value::String(text) => text.clone(),
                _ => String::new(),
            }
        };
        assert_eq!(at(&changed, &["master_key"]), "sk-1");
        assert_eq!(at(&changed, &["list", "0", "api_key"]), "sk-2");
        assert_eq!(at(&changed, &["list", "1", "api_key"]), "1234567890");
        let mut moved = Node::parse("other: \"<secret>\"\n").ok().unwrap();
        restore(&mut moved, &original);
        assert_eq!(at(&moved, &["other"]), "<secret>");
    }

    #[test]
    fn references_say_whether_they_are_secret() {
        let text = "a: os.environ/ONE\napi_key: os.environ/TWO\nb: [os.environ/TWO]\nheaders: {x: os.environ/THREE}\n";
        let found = references(&Node::parse(text).ok().unwrap());
        let expected = [("ONE", false), ("TWO", true), ("THREE", true)];
        assert_eq!(found, expected.map(|(name, secret)| (name.to_owned(), secret)).into());
    }
}
