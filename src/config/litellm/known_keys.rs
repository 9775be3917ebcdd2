//! The keys of LiteLLM, as listed in its package (`known_keys.json`).

use std::collections::HashSet;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use serde::Deserialize;

type Words = HashSet<&'static str, RandomState>;

/// Keys by their block.
pub(in crate::config) struct KnownKeys {
    general_settings: Words,
    litellm_params: Words,
    model_info: Words,
    model_list: Words,
    /// Request parameters that may occur in `litellm_params` as defaults.
    request: Words,
}

/// The file. Each list is split into lines of several words.
#[derive(Deserialize)]
struct File<'f> {
    #[serde(borrow)]
    general_settings: Vec<&'f str>,
    #[serde(borrow)]
    litellm_params: Vec<&'f str>,
    #[serde(borrow)]
    model_info: Vec<&'f str>,
    #[serde(borrow)]
    model_list: Vec<&'f str>,
    #[serde(borrow)]
    request: Vec<&'f str>,
}

static KNOWN: LazyLock<KnownKeys> = LazyLock::new(|| {
    // The test `the_list_is_read` proves that the file is valid.
    let file = serde_json::from_str::<File<'static>>(include_str!("known_keys.json")).ok();
    let words = |lines: for<'f> fn(&'f File<'static>) -> &'f Vec<&'static str>| {
        file.iter().flat_map(lines).flat_map(|line| line.split_whitespace()).collect()
    };
    KnownKeys {
        general_settings: words(|file| &file.general_settings),
        litellm_params: words(|file| &file.litellm_params),
        model_info: words(|file| &file.model_info),
        model_list: words(|file| &file.model_list),
        request: words(|file| &file.request),
    }
});

/// Whether LiteLLM has the key in the named block.
pub(in crate::config) fn knows(block: &str, key: &str) -> bool {
    let words = match block {
        "general_settings" => &KNOWN.general_settings,
        "litellm_params" => return KNOWN.litellm_params.contains(key) || is_of_deployment(key),
        "model_info" => &KNOWN.model_info,
        "model_list" => &KNOWN.model_list,
        _ => return false,
    };
    words.contains(key)
}

/// Every key that LiteLLM has in `general_settings` or in an entry of `model_list`, sorted.
#[cfg(feature = "cli")]
pub(in crate::config) fn listed(block: &str) -> Vec<&'static str> {
    let words = if block == "general_settings" { &KNOWN.general_settings } else { &KNOWN.model_list };
    let mut listed: Vec<_> = words.iter().copied().collect();
    listed.sort_unstable();
    listed
}

/// Whether a key of `litellm_params` is a request parameter.
pub(crate) fn is_request_parameter(key: &str) -> bool {
    KNOWN.request.contains(key)
}

/// Families of keys that LiteLLM does not send on, for each cloud and price.
fn is_of_deployment(key: &str) -> bool {
    const FAMILIES: [&str; 6] = ["aws_", "azure_", "vertex_", "litellm_", "s3_", "sagemaker_"];
    FAMILIES.iter().any(|family| key.starts_with(family)) || key.contains("_cost_per_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read() {
        assert!(knows("general_settings", "database_url") && !knows("general_settings", "json_logs"));
        assert!(knows("litellm_params", "rpm") && knows("litellm_params", "aws_anything"));
        assert!(knows("model_info", "base_model") && knows("model_list", "litellm_params"));
        assert!(is_request_parameter("temperature") && !is_request_parameter("rpm"));
    }
}
