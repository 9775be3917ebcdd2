//! What of a key may be shown.

/// The part of a key that is a name for certain: without a colon's blank, the rest may be a secret.
pub(in crate::config) fn name_in(key: &str) -> &str {
    let end = if key.starts_with("sk-") { Some(0) } else { key.find([':', ' ', '=']) };
    key.get(..end.unwrap_or(key.len())).unwrap_or_default()
}
