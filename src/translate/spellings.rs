//! Computes other spellings of a model's name that an upstream may resolve to the same model.

use std::collections::BTreeSet;

/// The maximum number of readings of one name. A name with more is not compared.
const MOST: usize = 64;

/// Every simpler name to which an upstream may resolve `name`, in lower case and including `name`. `None` if
/// there are too many.
///
/// It removes these parts in every combination: providers before a slash or a dot, `models/`, tags after `:`
/// or `@`, and dates, versions and `latest` at the end.
pub(crate) fn readings(name: &str) -> Option<BTreeSet<String>> {
    let mut readings = BTreeSet::new();
    let mut open = vec![name.to_lowercase()];
    while let Some(next) = open.pop() {
        let next = next.trim_matches(['/', ' ', ':', '@']).trim();
        if next.is_empty() || !readings.insert(next.to_owned()) {
            continue;
        }
        if readings.len() > MOST {
            return None;
        }
        open.extend(plainer(next).map(str::to_owned));
    }
    Some(readings)
}

/// The name in a form that is equal for all separators between its words and numbers, such as `claude-3.5`
/// and `claude-3-5`.
pub(crate) fn canonical(name: &str) -> String {
    let separated = |c: char| if matches!(c, '.' | '_' | '@' | ':') { '-' } else { c };
    name.chars().flat_map(char::to_lowercase).map(separated).collect()
}

/// The name with one part removed, in each possible way.
fn plainer(name: &str) -> impl Iterator<Item = &str> {
    let at = |separator| [name.split_once(separator), name.rsplit_once(separator)];
    let tags = at(':').into_iter().chain(at('@')).flatten().map(|(head, _)| head);
    let provider = name.split_once('/').map(|(_, rest)| rest);
    // Bedrock's `us.anthropic.claude-…`. A version such as `gpt-4.1` has a digit before its dot.
    let region = name.split_once('.').filter(|(head, _)| head.bytes().all(|b| b.is_ascii_alphabetic()));
    let vendor = region.map(|(_, rest)| rest);
    let revision = name.rsplit_once(':').filter(|(_, tag)| is_digits(tag)).and_then(|(head, _)| {
        let (head, version) = head.rsplit_once("-v")?;
        is_digits(version).then_some(head)
    });
    tags.chain(provider).chain(vendor).chain(revision).chain(without_suffix(name))
}

/// The name without the date, the version or the word `latest` at its end.
fn without_suffix(name: &str) -> Option<&str> {
    let (head, last) = name.rsplit_once('-')?;
    let month = |text: &str| two_digits(text).is_some_and(|month| (1..=12).contains(&month));
    let day = |text: &str| two_digits(text).is_some_and(|day| (1..=31).contains(&day));
    let year = |text: &str| text.len() == 4 && text.starts_with("20") && is_digits(text);
    let halves = |text: &str| text.split_at_checked(2).map(|(a, b)| (a.to_owned(), b.to_owned()));
    let is_suffix = match last.len() {
        6 => last == "latest",
        3 => last.starts_with('0') && is_digits(last),
        // Month and day, or year and month.
        4 => halves(last).is_some_and(|(a, b)| {
            month(&a) && day(&b) || two_digits(&a).is_some_and(|y| y >= 20) && month(&b)
        }),
        8 => last.split_at_checked(4).is_some_and(|(first, rest)| {
            year(first) && halves(rest).is_some_and(|(a, b)| month(&a) && day(&b))
        }),
        _ => false,
    };
    if is_suffix {
        return Some(head);
    }
    // `-2026-01-01`, `-2026-01` and `-01-01`.
    let (before, middle) = head.rsplit_once('-')?;
    if month(middle) && day(last) {
        let dated = before.rsplit_once('-').filter(|(_, first)| year(first));
        return Some(dated.map_or(before, |(head, _)| head));
    }
    (year(middle) && month(last)).then_some(before)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn two_digits(text: &str) -> Option<u8> {
    if text.len() == 2 && is_digits(text) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(name: &str, plain: &str) -> bool {
        readings(name).is_some_and(|readings| readings.contains(plain))
    }

    #[test]
    fn every_spelling_that_an_upstream_resolves_is_read() {
        for name in [
            "gpt-4o",
            "GPT-4o",
            "openai/gpt-4o",
            "openrouter/openai/gpt-4o",
            "models/gpt-4o",
            "publishers/openai/models/GPT-4O",
            "gpt-4o:nitro",
            "gpt-4o@default",
            "gpt-4o-2026-01-01",
            "gpt-4o-20260101",
            "gpt-4o@20260101",
            "gpt-4o-2026-01",
            "gpt-4o-0613",
            "gpt-4o-2407",
            "gpt-4o-001",
            "gpt-4o-latest",
            " openai/GPT-4o-2026-01-01:free ",
            "us.openai.gpt-4o-20260101-v1:0",
        ] {
            assert!(reads(name, "gpt-4o"), "{name}: {:?}", readings(name));
        }
    }

    #[test]
    fn another_model_is_not_read() {
        for name in [
            "gpt-4o-mini",
            "gpt-4o-preview",
            "gpt-4.1",
            "my-gpt-4o",
            "gpt-4o-9999",
            "gpt-4o-99-99",
            "o1-1234567",
        ] {
            assert!(!reads(name, "gpt-4o") && !reads(name, "gpt-4") && !reads(name, "o1"), "{name}");
        }
    }

    #[test]
    fn a_name_with_too_many_readings_has_none() {
        assert_eq!(readings(&"a/".repeat(200)), None);
    }
}
