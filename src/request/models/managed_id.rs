//! LiteLLM's ids of files and videos, which contain models. They are base64 of
//! `litellm_proxy:…;target_model_names,a,b;…` and similar texts. LiteLLM routes a request by the models in them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::names::Names;

/// The part of `litellm` in base64 that does not depend on the following text.
const MARK: &str = "bGl0ZWxsb";

/// The longest prefix before the mark, such as `file-` and `video_`.
const LONGEST_PREFIX: usize = 24;

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Whether the text may be such an id.
#[inline]
pub(in crate::request) fn may_be_managed(text: &str) -> bool {
    if text.starts_with(MARK) {
        return true;
    }
    // Prefixes end with one of these characters.
    let Some(head) = text.as_bytes().get(..LONGEST_PREFIX.min(text.len())) else { return false };
    let mut marks = head.iter().enumerate().filter(|(_, byte)| matches!(byte, b'-' | b'_'));
    marks.any(|(at, _)| text.get(at + 1..).is_some_and(|rest| rest.starts_with(MARK)))
}

/// Adds the models in an id, and returns whether it has any.
pub(in crate::request) fn add_models(id: &str, names: &mut Names) -> Result<bool, String> {
    let Some(decoded) = decode(id) else { return Ok(false) };
    // The id of a response only keeps a conversation at the same deployment of the requested model.
    if decoded.contains("response_id:") {
        return Ok(false);
    }
    let fields = || decoded.split(';');
    let mut is_named = false;
    for list in fields().filter_map(|field| field.strip_prefix("target_model_names,")) {
        names.add_parts(list)?;
        is_named = true;
    }
    if !is_named {
        // A deployment by its id. A list of models only contains it if the operator writes it there.
        let ids = ["llm_output_file_model_id,", "model_id:"];
        for id in fields().filter_map(|field| ids.iter().find_map(|key| field.strip_prefix(key))) {
            names.add_parts(id)?;
            is_named = true;
        }
    }
    Ok(is_named)
}

fn decode(id: &str) -> Option<String> {
    let encoded = id.get(id.find(MARK)?..)?;
    let encoded: Cow<'_, str> = match encoded.contains(['-', '_']) {
        true => encoded.replace('-', "+").replace('_', "/").into(),
        false => encoded.into(),
    };
    let bytes = ENGINE.decode(encoded.trim_end_matches('=')).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    fn models(id: &str) -> Vec<String> {
        let mut names = Names::default();
        if may_be_managed(id) {
            add_models(id, &mut names).unwrap();
        }
        names.as_slice().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_target_models_of_a_file_count() {
        let id = "litellm_proxy:application/octet-stream;unified_id,c4;target_model_names,a, b;llm_output_file_id,f;\
                  llm_output_file_model_id,dep";
        for id in [URL_SAFE_NO_PAD.encode(id), STANDARD.encode(id), format!("file-{}", STANDARD.encode(id))] {
            assert_eq!(models(&id), ["a", "b"], "{id}");
        }
    }

    #[test]
    fn a_deployment_counts_where_no_model_is_named() {
        for id in [
            "litellm_proxy:x;unified_id,c4;llm_output_file_id,f;llm_output_file_model_id,dep",
            "litellm_proxy;model_id:dep;llm_batch_id:b",
            "litellm:custom_llm_provider:openai;model_id:dep;video_id:v",
        ] {
            assert_eq!(models(&format!("video_{}", STANDARD.encode(id))), ["dep"], "{id}");
        }
    }

    #[test]
    fn an_answers_id_and_other_ids_carry_no_model() {
        let id = STANDARD.encode("litellm:custom_llm_provider:openai;model_id:dep;response_id:r");
        for id in [format!("resp_{id}").as_str(), "file-abc", "", "bGl0ZWxsbQ", "é-_é-_-_-_é-_é-_é-_é-_-"]
        {
            assert_eq!(models(id), Vec::<String>::new(), "{id}");
        }
    }
}
