//! Blots secrets out of the text that diagnostics quote.

use super::environment::REFERENCE;
use super::yaml::{Node, Value};

/// Parts of keys whose strings are not for showing. Too many is harmless: a star for a character of a snippet.
const WORDS: [&str; 10] = [
    "key",
    "secret",
    "token",
    "passw",
    "credential",
    "headers",
    "environment_variables",
    "database_url",
    "dsn",
    "authorization",
];

/// The text with a star for each byte of a secret, by the positions that the tree knows.
pub(super) fn blot(text: &str, root: &Node) -> String {
    let mut bytes = text.as_bytes().to_vec();
    blot_node(&mut bytes, root, false);
    // Only whole scalars were replaced, by ASCII; were a position wrong, nothing would be shown.
    String::from_utf8(bytes).unwrap_or_else(|_| blot_lines(text))
}

fn blot_node(bytes: &mut [u8], node: &Node, secret: bool) {
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                blot_node(bytes, &entry.value, secret || is_secret(&entry.key));
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| blot_node(bytes, item, secret)),
        Value::String(value) => {
            // A URL may carry a password.
            let secret = secret || (value.contains("://") && value.contains('@'));
            if secret && !value.starts_with(REFERENCE) {
                let span = node.span();
                let range = span.start..span.start.saturating_add(span.len);
                bytes.get_mut(range).into_iter().flatten().for_each(star);
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {}
    }
}

/// The same for text that could not be read: everything after a telling key, to the end of its line, and all lines
/// below it that are indented further.
pub(super) fn blot_lines(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut below = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let from = if below.is_some_and(|of: usize| indent > of) {
            Some(0)
        } else {
            below = None;
            let end = secret_end(line);
            below = end.map(|_| indent).or(below);
            end
        };
        if let Some(from) = from {
            bytes.get_mut(start + from..start + line.len()).into_iter().flatten().for_each(star);
        }
        start += line.len();
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Where the colon after a telling word is.
fn secret_end(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let word = WORDS.iter().filter_map(|word| lower.find(word)).min()?;
    let colon = lower.get(word..)?.find(':')?;
    Some(word + colon + 1)
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    WORDS.iter().any(|word| key.contains(word))
}

fn star(byte: &mut u8) {
    if !matches!(byte, b'\n' | b'\r') {
        *byte = b'*';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
master_key: sk-1
model_list:
  - litellm_params: {model: gpt-4o, api_key: \"sk-é2\", api_base: 'https://u:p@x'}
  - litellm_params:
      api_key: os.environ/KEY
      extra_headers: {x-a: [deep]}
      private_key: |
        line
after: shown
";

    #[test]
    fn secrets_are_blotted_by_position() {
        let root = Node::parse(TEXT).ok().unwrap();
        let blotted = blot(TEXT, &root);
        assert_eq!(blotted.len(), TEXT.len());
        for secret in ["sk-", "u:p", "deep", "line"] {
            assert!(!blotted.contains(secret), "{secret}: {blotted}");
        }
        for plain in ["gpt-4o", "os.environ/KEY", "after: shown", "api_base: "] {
            assert!(blotted.contains(plain), "{plain}: {blotted}");
        }
    }

    #[test]
    fn secrets_are_blotted_in_text_that_is_not_yaml() {
        let blotted =
            blot_lines("a: 1\nmaster_key: sk-1\nprivate_key: |\n  sk-2\n\"api_key\" : \"sk-3\"\nb: [\n");
        assert!(!blotted.contains("sk-"), "{blotted}");
        assert!(blotted.starts_with("a: 1\nmaster_key:***") && blotted.ends_with("b: [\n"), "{blotted}");
    }
}
