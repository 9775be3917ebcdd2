//! Finds the part of a key that is safe to show.

/// The part of a key that is certainly a name. If the blank after a colon is missing, the rest may be a secret.
pub(in crate::config) fn name_in(key: &str) -> &str {
    let end = if key.starts_with("sk-") { Some(0) } else { key.find([':', ' ', '=']) };
    key.get(..end.unwrap_or(key.len())).unwrap_or_default()
}
