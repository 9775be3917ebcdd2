//! Detects keys whose value names a model.
//!
//! The rule matches by form, because every API has its own keys: `model`, `modelName`, `base_model`, `deployment-id`,
//! `litellm_embedding_model`, `context_window_fallbacks`. The end of a key decides, in any case and with any
//! separators.

/// The words that such a key ends with.
const WORDS: [&str; 5] = ["model", "models", "deployment", "fallback", "fallbacks"];

/// The qualifiers that may follow a word.
const QUALIFIERS: [&str; 16] = [
    "",
    "id",
    "ids",
    "name",
    "names",
    "group",
    "groups",
    "slug",
    "alias",
    "uri",
    "ref",
    "arn",
    "identifier",
    "key",
    "code",
    "path",
];

/// The number of last characters that are examined. No word with its qualifier is longer.
const LONGEST: usize = 24;

/// Whether the value at `key` names one or several models.
pub(in crate::request) fn names_model(key: &str) -> bool {
    if key.len() < "model".len() {
        return false;
    }
    let is_plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_plain {
        return may_have_word(key.as_bytes()) && ends_with_word(key);
    }
    // Some readers treat brackets, dots and the like as a path into a value, and ignore blanks.
    let folded: String = key.chars().map(fold).collect();
    folded.split(['[', ']', '.', '/', ':']).any(ends_with_word)
}

/// Readers that fold case read U+017F and U+212A as `s` and `k`.
fn fold(c: char) -> char {
    match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c,
    }
}

/// Whether any of the words may occur, judged by the middle letters of each. Separators may stand between letters.
fn may_have_word(key: &[u8]) -> bool {
    let mut last = 0_u32;
    key.iter().filter(|byte| byte.is_ascii_alphanumeric()).any(|byte| {
        last = last << 8 | u32::from(*byte | 0x20);
        matches!(&last.to_be_bytes(), b"odel" | b"ploy" | b"allb")
    })
}

fn ends_with_word(key: &str) -> bool {
    // The last letters and digits in lower case.
    let mut last = [0_u8; LONGEST];
    let significant =
        key.bytes().rev().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    let length = last.iter_mut().rev().zip(significant).map(|(to, byte)| *to = byte).count();
    let last = last.get(LONGEST - length..).unwrap_or_default();
    let before = QUALIFIERS.iter().filter_map(|qualifier| last.strip_suffix(qualifier.as_bytes()));
    before.into_iter().any(|rest| WORDS.iter().any(|word| rest.ends_with(word.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_ends_in_the_word_names_a_model_however_it_is_written() {
        for key in [
            "model",
            "models",
            "model_id",
            "model_name",
            "modelName",
            "ModelId",
            "model-id",
            "MODEL_NAME",
            "deployment_id",
            "deployment_name",
            "deploymentName",
            "baseModel",
            "base_model",
            "embedding_model",
            "litellm_embedding_model",
            "silent-model",
            "modelArn",
            "target_model_names",
            "fallbacks",
            "context_window_fallbacks",
            "contentPolicyFallbacks",
            "fal-lbacks",
            "mo_del",
            "D-e-p-l-o-y-m-e-n-t",
            " model",
            "model\u{0}",
            "model[]",
            "svg[model]",
            "agent.model",
            "model\u{17f}",
            "fallbac\u{212a}s",
        ] {
            assert!(names_model(key), "{key:?}");
        }
    }

    #[test]
    fn a_key_that_only_has_the_word_in_it_names_none() {
        for key in [
            "",
            "id",
            "name",
            "mode",
            "modelling",
            "model_info",
            "model_params",
            "remodeled",
            "modal",
            "deploy",
        ] {
            assert!(!names_model(key), "{key:?}");
        }
    }
}
