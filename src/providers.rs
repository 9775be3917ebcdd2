//! Finds the provider of a bare model name by its prefix.

const BEGINNINGS: [(&str, &str); 11] = [
    ("gpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("chatgpt-", "openai"),
    ("text-embedding-", "openai"),
    ("dall-e-", "openai"),
    ("whisper-", "openai"),
    ("tts-", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "gemini"),
];

/// The provider of a name without `provider/`, if the prefix identifies one.
#[must_use]
pub fn of_bare_name(name: &str) -> Option<&'static str> {
    if name.contains('/') {
        return None;
    }
    BEGINNINGS.iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, provider)| *provider)
}

/// The beginnings of bare names, each with its provider.
#[cfg(feature = "prove")]
pub(crate) fn beginnings() -> impl Iterator<Item = (&'static str, &'static str)> {
    BEGINNINGS.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_name_the_provider() {
        assert_eq!(of_bare_name("o1-mini"), Some("openai"));
        assert_eq!(of_bare_name("claude-3-5-haiku-20241022"), Some("anthropic"));
        assert_eq!(of_bare_name("anthropic-claude"), None);
    }

    #[test]
    fn a_name_with_a_provider_is_not_bare() {
        assert_eq!(of_bare_name("gpt-4/x"), None);
    }
}
