//! Computes other spellings of a model's name that an upstream may resolve to the same model.

use std::borrow::Cow;
use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The maximum number of readings of one name. A name with more is not compared.
const MOST: usize = 128;

/// Every simpler name to which an upstream may resolve `name`, folded and including `name`. `None` if there are too
/// many, or if a character remains that no model's name has.
///
/// It removes these parts in every combination: providers before a slash or a dot, `models/`, the segments between a
/// provider and a model, tags such as `:free`, `@default` or `#deployment`, dates, versions and `latest` at the end,
/// percent-encoding, and white space.
pub(crate) fn readings(name: &str) -> Option<BTreeSet<String>> {
    let mut readings = BTreeSet::new();
    let mut open = vec![folded(name)];
    while let Some(next) = open.pop() {
        if next.chars().any(is_foreign) {
            return None;
        }
        // `command-r+` is no spelling of `command-r`.
        let next = next.trim_matches(|c: char| !c.is_alphanumeric() && c != '+');
        if next.is_empty() || !readings.insert(next.to_owned()) {
            continue;
        }
        if readings.len() > MOST {
            return None;
        }
        open.extend(plainer(next));
    }
    (!readings.is_empty()).then_some(readings)
}

/// The name in a form that is equal for all separators between its words and numbers, such as `claude-3.5`
/// and `claude-3-5`.
pub(crate) fn canonical(name: &str) -> String {
    let is_separator = |c: char| matches!(c, '.' | '_' | '@' | ':') || c.is_whitespace();
    folded(name).chars().map(|c| if is_separator(c) { '-' } else { c }).collect()
}

/// The name without what comparisons of Unicode may ignore: case, accents, widths and other compatibility forms, and
/// characters that nobody sees.
pub(crate) fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let visible = |c: &char| !is_combining_mark(*c) && !is_invisible(*c);
    // The upper case of a dotless `i` and of a long `s` is a plain letter.
    let cased = name.nfkd().filter(visible).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let plain = |c| if matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}') { '-' } else { c };
    cased.nfkd().filter(visible).map(plain).collect()
}

/// Unicode's default ignorable code points that are no combining marks.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether no model's name has the character. A reader could take it for anything.
fn is_foreign(c: char) -> bool {
    c == '*' || c.is_control() || !(c.is_ascii() || c.is_alphanumeric() || c.is_whitespace())
}

/// The name with one part removed, in each possible way.
fn plainer(name: &str) -> impl Iterator<Item = String> {
    let at = |separator| [name.split_once(separator), name.rsplit_once(separator)];
    let tags = [':', '@', '#', '?', ';', '|'].into_iter().flat_map(at).flatten().map(|(head, _)| head);
    let listed = name.split_once(',').into_iter().flat_map(|(head, tail)| [head, tail]);
    let provider = name.split_once(['/', '\\']).map(|(_, rest)| rest);
    // Bedrock's `us.anthropic.claude-…`. A version such as `gpt-4.1` has a digit before its dot.
    let is_region = |head: &str| head.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    let vendor = name.split_once('.').filter(|(head, _)| is_region(head)).map(|(_, rest)| rest);
    let revision = name.rsplit_once(':').filter(|(_, tag)| is_digits(tag)).and_then(|(head, _)| {
        let (head, version) = head.rsplit_once("-v")?;
        is_digits(version).then_some(head)
    });
    let parts = tags.chain(listed).chain(provider).chain(vendor).chain(revision).chain(without_suffix(name));
    // `bedrock/us-east-1/x`, `bedrock/converse/x` and `openai/responses/x` lead to the provider's `x`.
    let inner = name.split_once('/').and_then(|(provider, rest)| {
        let (_, model) = rest.rsplit_once('/')?;
        Some(format!("{provider}/{model}"))
    });
    let decoded = name.contains('%').then(|| percent_decode_str(name).decode_utf8_lossy());
    let decoded = decoded.filter(|decoded| decoded != name).map(|decoded| folded(&decoded));
    let has_blank = name.contains(char::is_whitespace);
    let joined = has_blank.then(|| name.split_whitespace().collect());
    parts.map(str::to_owned).chain(inner).chain(decoded).chain(joined).chain(without_dots(name))
}

/// The name without dots between digits. Azure writes `gpt-3.5` as `gpt-35`.
pub(crate) fn without_dots(name: &str) -> Option<String> {
    let bytes = name.as_bytes();
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let is_inner = |at: usize| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1));
    let kept = name.char_indices().filter(|(at, c)| *c != '.' || !is_inner(*at));
    let kept: String = kept.map(|(_, c)| c).collect();
    (kept.len() != name.len()).then_some(kept)
}

/// Whether a name says nothing about its provider: it has no prefix, or is the path of a resource, such as `models/x`
/// or an ARN.
pub(crate) fn is_bare(name: &str) -> bool {
    let name = folded(name);
    let name = match name.contains('%') {
        true => percent_decode_str(&name).decode_utf8_lossy(),
        false => Cow::Borrowed(name.as_str()),
    };
    name.rsplit_once('/').is_none_or(|(prefix, _)| {
        let last = prefix.rsplit('/').next().unwrap_or(prefix);
        last == "models" || prefix.starts_with("arn:") || last.chars().all(|c| !c.is_alphanumeric())
    })
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
    // `-2026-01-01`, `-2026-01`, `-01-2026` and `-01-01`.
    let (before, middle) = head.rsplit_once('-')?;
    if month(middle) && day(last) {
        let dated = before.rsplit_once('-').filter(|(_, first)| year(first));
        return Some(dated.map_or(before, |(head, _)| head));
    }
    (year(middle) && month(last) || month(middle) && year(last)).then_some(before)
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
            "us-gov.openai.gpt-4o-v1:0:200k",
            "global.openai.gpt-4o",
            "gpt-4o:free:nitro",
            "gpt-4o#accounts/a/deployments/d",
            "gpt-4o?x=1",
            "gpt-4o.",
            "gpt-4o,",
            "small,gpt-4o",
            "\"gpt-4o\"",
            "models/models/gpt-4o",
            "openai/./gpt-4o",
            "openai//gpt-4o",
            "openai\\gpt-4o",
            "openai%2Fgpt-4o",
            "openai%252fgpt%2D4o",
            "gpt -4o",
            "gpt-4o\u{a0}",
            "\u{3000}gpt-4o",
            "ｇｐｔ-４ｏ",
            "gpt－4o",
            "openai／gpt-4o",
            "gpt\u{2011}4o",
            "gpt\u{2013}4o",
            "gpt-4\u{200b}o",
            "gpt-\u{ad}4o",
            "\u{feff}gpt-4o",
            "\u{202e}gpt-4o\u{202c}",
            "gpt-4o\u{301}",
            "gpt-4ó",
            "𝐠𝐩𝐭-𝟒𝐨",
            "gpt-④o",
            "GPT-4O-08-2026",
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
            "gpt-4o+",
            "gpt-4o/mini",
            "модель-4o",
        ] {
            assert!(!reads(name, "gpt-4o") && !reads(name, "gpt-4") && !reads(name, "o1"), "{name}");
        }
    }

    #[test]
    fn a_name_with_too_many_readings_or_a_strange_character_has_none() {
        for name in
            [&"a/".repeat(200), "gpt-4*", "*", "gpt\u{fffd}4o", "gpt%ff4o", "gpt-4o%00x", "-", "gpt😀4o"]
        {
            assert_eq!(readings(name), None, "{name}");
        }
    }

    #[test]
    fn letters_that_differ_by_case_in_some_reader_are_equal() {
        for (name, plain) in [
            ("\u{212a}imi", "kimi"),
            ("mi\u{17f}tral", "mistral"),
            ("gem\u{131}ni", "gemini"),
            ("GEM\u{130}NI", "gemini"),
            ("ﬁne", "fine"),
            ("claude-3.5", "claude-35"),
            ("bedrock/us-east-1/claude", "bedrock/claude"),
            ("bedrock/converse/us.anthropic.claude", "claude"),
            ("openai/models/x", "openai/x"),
            ("vertex_ai/publishers/google/models/x", "vertex_ai/x"),
        ] {
            assert!(reads(name, plain), "{name}: {:?}", readings(name));
        }
    }

    #[test]
    fn the_longest_names_that_upstreams_have_are_compared() {
        for (name, plain) in [
            (
                "vertex_ai/projects/my-project-1/locations/us-central1/publishers/anthropic/models/claude-3.5-sonnet-v2@20241022",
                "claude-3.5-sonnet-v2",
            ),
            (
                "bedrock/converse/arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
                "claude-3-5-sonnet",
            ),
            ("accounts/fireworks/models/llama-v3.1-8b#accounts/fireworks/deployments/a1", "llama-v3.1-8b"),
        ] {
            assert!(reads(name, plain), "{name}: {:?}", readings(name));
        }
    }

    #[test]
    fn a_path_of_a_resource_names_no_provider() {
        for name in [
            "x",
            "models/x",
            "publishers/google/models/x",
            "arn:aws:bedrock:r::p/x",
            "models%2Fx",
            "/x",
            "ｍodels／x",
        ] {
            assert!(is_bare(name), "{name}");
        }
        assert!(!is_bare("openai/x") && !is_bare("openai%2fx"));
    }
}
