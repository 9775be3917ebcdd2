//! A warning, and how near two names are.

use strsim::damerau_levenshtein;

/// A warning and its fix.
pub(in crate::cli::check) struct Warning {
    pub(in crate::cli::check) message: String,
    pub(in crate::cli::check) help: String,
}

/// The position before a message.
pub(super) fn place(source: Option<&str>) -> String {
    source.map(|source| format!("{source}: ")).unwrap_or_default()
}

/// The known name that was probably meant. Names that differ in a digit or in their last letter (`team-a`, `team-b`) are
/// different names.
pub(super) fn meant<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let is_alike = |other: &&str| {
        let distance = damerau_levenshtein(name, other);
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let stem = |text: &str| {
            text.chars().count().checked_sub(1).map(|most| text.chars().take(most).collect::<String>())
        };
        // A word of six letters may have one mistake, one of eleven two.
        distance > 0
            && distance <= name.chars().count().div_ceil(6).min(2)
            && name.chars().count() >= 4
            && digits(name) == digits(other)
            && !(name.chars().count() == other.chars().count() && stem(name) == stem(other))
    };
    known.into_iter().filter(is_alike).min_by_key(|other| (damerau_levenshtein(name, other), *other))
}
