//! Wildcards in model names.

/// A pattern in which `*` matches any number of characters, including none. Other characters match themselves.
///
/// ```
/// use modelgate::pattern::Pattern;
///
/// assert!(Pattern::new("gpt-4*").matches("gpt-4o"));
/// assert!(!Pattern::new("gpt-4?").matches("gpt-4o"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The parts before, between and after the stars. There is one more part than there are stars.
    parts: Vec<String>,
}

impl Pattern {
    /// Parses a pattern. Every text is a valid pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { parts: text.split('*').map(str::to_owned).collect() }
    }

    /// Whether the pattern matches the whole of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else {
            return self.parts.first().is_some_and(|only| only == text);
        };
        let Some(inner) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()))
        else {
            return false;
        };
        let mut rest = inner;
        for part in middle {
            let Some((_, after)) = rest.split_once(part.as_str()) else { return false };
            rest = after;
        }
        true
    }
}

/// Fills the star of a template with the part of `name` that the star of `pattern` matches.
pub(crate) fn filled(template: &str, pattern: &str, name: &str) -> String {
    let Some((head, tail)) = pattern.split_once('*') else { return template.to_owned() };
    let matched = name.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail)).unwrap_or(name);
    template.replacen('*', matched, 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).matches(text)
    }

    #[test]
    fn a_text_without_a_star_matches_itself_alone() {
        assert!(fits("gpt-4o", "gpt-4o"));
        assert!(!fits("gpt-4o", "gpt-4o-mini"));
    }

    #[test]
    fn a_star_matches_any_characters_and_none() {
        assert!(fits("openai/*", "openai/"));
        assert!(fits("openai/*", "openai/a/b"));
        assert!(fits("*", ""));
        assert!(!fits("openai/*", "azure/openai/x"));
    }

    #[test]
    fn the_ends_do_not_overlap() {
        assert!(!fits("ab*ba", "aba"));
        assert!(fits("ab*ba", "abba"));
    }

    /// A simple matcher whose time is exponential in the number of stars.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
            Some((c, rest)) => text.first() == Some(c) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn matches_what_the_naive_matcher_matches(pattern in "[ab*é]{0,6}", text in "[abé]{0,8}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(fits(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn matches_its_own_expansions(pattern in "[ab*]{0,6}", filler in "[ab/]{0,4}") {
            prop_assert!(fits(&pattern, &pattern.replace('*', &filler)));
        }
    }
}
