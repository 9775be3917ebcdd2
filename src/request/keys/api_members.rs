//! The top-level members of request bodies in providers' APIs.

use std::collections::HashSet;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

static API_MEMBERS: LazyLock<HashSet<&'static str, RandomState>> = LazyLock::new(|| {
    let lines = include_str!("api_members.txt").lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).collect()
});

/// Whether a provider's API has this member. LiteLLM adds many members, and some of them change what runs.
pub(in crate::request) fn is_api_member(key: &str) -> bool {
    API_MEMBERS.contains(key)
}

/// The members of a body that no provider's API has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::request) struct LiteLlmMembers(Vec<Box<str>>);

/// The maximum number that is kept. Real bodies have none or a few.
const MAX_MEMBERS: usize = 16;

impl LiteLlmMembers {
    /// Records a member. Members beyond the limit are recorded without a name, so that no list allows them.
    pub(in crate::request) fn note(&mut self, key: &str) {
        match self.0.len() {
            MAX_MEMBERS.. => {}
            length if length + 1 == MAX_MEMBERS => self.0.push("".into()),
            _ => self.0.push(key.into()),
        }
    }

    pub(in crate::request) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|member| &**member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_member_too_many_has_no_name() {
        let mut members = LiteLlmMembers::default();
        (0..100).for_each(|number| members.note(&format!("m{number}")));
        assert_eq!((members.iter().count(), members.iter().last()), (16, Some("")));
    }

    #[test]
    fn a_member_of_an_api_is_told_from_one_of_litellms() {
        for key in
            ["messages", "max_tokens", "generationConfig", "top_k", "chat_template_kwargs", "fallbacks"]
        {
            assert!(is_api_member(key), "{key}");
        }
        let litellms = [
            "user_config",
            "router_settings_override",
            "api_base",
            "api_key",
            "custom_llm_provider",
            "mock_response",
            "model_list",
            "litellm_credential_name",
            "prompt_id",
            "#",
            "",
        ];
        for key in litellms {
            assert!(!is_api_member(key), "{key}");
        }
    }
}
