//! Redacts secrets in the text that diagnostics quote.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::environment::REFERENCE;
use super::key_name::name_in;
use super::tree::{Entry, Node, Span, Value};

/// Parts of keys whose string values are secret. Too many are harmless: they only hide characters of a snippet.
const WORDS: [&str; 11] = [
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
    "bearer",
];

/// The minimum lengths of a number and of a word that may be a key.
const LONG_NUMBER: usize = 8;
const LONG_WORD: usize = 24;

/// Replaces each byte of a secret by a star, using the positions in the tree.
pub(in crate::config) fn redact(text: &str, root: &Node) -> String {
    let mut redactor = Redactor { bytes: text.as_bytes().to_vec(), judged: HashMap::default() };
    redactor.node(root, false);
    let mut bytes = redactor.bytes;
    if !matches!(root.value, Value::Mapping(_)) {
        // The text is not a configuration. It may be a key in PEM form that was given as one.
        bytes.iter_mut().for_each(star);
    }
    // Only whole scalars were replaced by ASCII. If a position were wrong, nothing would be shown.
    String::from_utf8(bytes).unwrap_or_else(|_| redact_lines(text))
}

struct Redactor<'n> {
    bytes: Vec<u8>,
    /// Caches whether a key is secret, for the few keys that occur many times in a file.
    judged: HashMap<&'n str, bool, RandomState>,
}

impl<'n> Redactor<'n> {
    fn node(&mut self, node: &'n Node, secret: bool) {
        match &node.value {
            Value::Mapping(entries) => entries.iter().for_each(|entry| self.entry(entry, secret)),
            Value::Sequence(items) => items.iter().for_each(|item| self.node(item, secret)),
            Value::String(value) => {
                // A URL may contain a password.
                let secret = secret || (value.contains("://") && value.contains('@'));
                if secret && !value.starts_with(REFERENCE) {
                    redact_span(&mut self.bytes, node.span());
                }
            }
            // A key may consist of digits. A number of seconds is shorter.
            Value::Integer(_) | Value::Float(_) if secret && node.span().len >= LONG_NUMBER => {
                redact_span(&mut self.bytes, node.span());
            }
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {}
        }
    }

    fn entry(&mut self, entry: &'n Entry, secret: bool) {
        // Without a blank after its colon, a key continues. If a secret is expected, the continuation may be its
        // beginning.
        if name_in(&entry.key) != entry.key || (secret && !is_word(&entry.key)) {
            redact_span(&mut self.bytes, entry.key_span);
        }
        let secret = secret || *self.judged.entry(&entry.key).or_insert_with(|| is_secret(&entry.key));
        if secret {
            redact_between(&mut self.bytes, entry.key_span, &entry.value);
        }
        self.node(&entry.value, secret);
    }
}

/// The text between a key and its value, where `!`, `&` or `*` would have changed the meaning of a secret. If no value
/// is left, everything to the end of the line.
fn redact_between(bytes: &mut [u8], key: Span, value: &Node) {
    let start = key.start.saturating_add(key.len);
    let line = bytes.get(start..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n'));
    let end = match value.value {
        Value::Null => line.map_or(bytes.len(), |line| start + line),
        _ => value.span().start,
    };
    let between = bytes.get_mut(start..end).into_iter().flatten();
    between.filter(|byte| !b" \t:\"'".contains(byte)).for_each(star);
}

fn redact_span(bytes: &mut [u8], span: Span) {
    let range = span.start..span.start.saturating_add(span.len);
    bytes.get_mut(range).into_iter().flatten().for_each(star);
}

/// The same for invalid YAML. Redacts everything from a key with a secret word to the end of its line, all lines below
/// it that are indented more or are items of its list, and text that looks like a key by itself.
pub(in crate::config) fn redact_lines(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut below = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let is_item = line.trim_start().starts_with('-');
        let from = if below.is_some_and(|of: usize| indent > of || (indent == of && is_item)) {
            Some(0)
        } else {
            below = None;
            let end = secret_end(line);
            below = end.map(|_| indent).or(below);
            end
        };
        for word in random_words(line) {
            bytes.get_mut(start + word.start..start + word.end).into_iter().flatten().for_each(star);
        }
        if let Some(from) = from {
            bytes.get_mut(start + from..start + line.len()).into_iter().flatten().for_each(star);
        }
        start += line.len();
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// The end of a key with a secret word: after its colon, or after the word if the colon is missing.
fn secret_end(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let start = WORDS.iter().filter_map(|word| lower.find(word)).min()?;
    let behind = lower.get(start..)?;
    let end = behind.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(behind.len());
    let colon = behind.get(end..)?.find(|c: char| !matches!(c, ' ' | '\t' | '"' | '\''));
    let is_colon = |at: &usize| behind.get(end + at..).is_some_and(|rest| rest.starts_with(':'));
    Some(start + end + colon.filter(is_colon).map_or(0, |at| at + 1))
}

/// Words that are not meant to be read: virtual keys, and long runs of letters and digits.
fn random_words(line: &str) -> impl Iterator<Item = Range<usize>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    let words = line.split(move |c| !is_part(c));
    words.filter_map(move |word| {
        let start = word.as_ptr().addr().checked_sub(line.as_ptr().addr())?;
        let random = word.len() >= LONG_WORD
            && word.contains(|c: char| c.is_ascii_digit())
            && word.contains(|c: char| c.is_ascii_alphabetic());
        (random || word.starts_with("sk-")).then(|| start..start + word.len())
    })
}

/// Whether a key is a readable name.
fn is_word(key: &str) -> bool {
    key.len() < LONG_WORD && key.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
}

/// Whether the name of a key says that its value is secret.
pub(super) fn is_secret(key: &str) -> bool {
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
    fn secrets_are_redacted_by_position() {
        let root = Node::parse(TEXT).ok().unwrap();
        let redacted = redact(TEXT, &root);
        assert_eq!(redacted.len(), TEXT.len());
        for secret in ["sk-", "u:p", "deep", "line"] {
            assert!(!redacted.contains(secret), "{secret}: {redacted}");
        }
        for plain in ["gpt-4o", "os.environ/KEY", "after: shown", "api_base: "] {
            assert!(redacted.contains(plain), "{plain}: {redacted}");
        }
    }

    #[test]
    fn secrets_are_redacted_in_text_that_is_not_yaml() {
        let redacted =
            redact_lines("a: 1\nmaster_key: sk-1\nprivate_key: |\n  sk-2\n\"api_key\" : \"sk-3\"\nb: [\n");
        assert!(!redacted.contains("sk-"), "{redacted}");
        assert!(redacted.starts_with("a: 1\nmaster_key:***") && redacted.ends_with("b: [\n"), "{redacted}");
    }

    #[test]
    fn a_secret_is_redacted_whatever_was_mistyped_around_it() {
        for text in [
            "master_key sk-1",
            "master_key:hidden",
            "master_key=hidden",
            "a: sk-1",
            "api_keys:\n- hidden",
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v\n",
        ] {
            let redacted = redact_lines(text);
            let secrets = ["sk-", "hidden", "MC4CAQ"];
            assert!(secrets.iter().all(|secret| !redacted.contains(secret)), "{redacted}");
        }
        for text in [
            "{general_settings: {master_key:hidden}}",
            "{master_key: {hidden1: x}}",
            "{master_key: [{hidden1: x}]}",
            "{master_key: 1234567890}",
            "master_key: !hidden\nteams: 1",
            "master_key: &hidden x",
            "api_key: !hidden x",
            "master_key: !hidden",
            "hidden",
            "[hidden]",
        ] {
            let redacted = redact(text, &Node::parse(text).ok().unwrap());
            assert!(!redacted.contains("hidden") && !redacted.contains("123"), "{redacted}");
        }
        assert_eq!(name_in("master_key:sk-1"), "master_key");
        assert_eq!(name_in("sk-1"), "");
    }
}
