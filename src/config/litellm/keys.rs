//! Decides what happens to each key of each block: it is read, ignored, or refused.

use super::access_words::looks_like_access_rule;
use super::fates::{self, Fate, Rule};
use super::known_keys::{is_request_parameter, knows};
use crate::config::effect::Effect;
use crate::config::problem::Problem;
use crate::config::suggest::{list, nearest};
use crate::config::yaml::key_name::name_in;
use crate::config::yaml::tree::Value;

/// The decision on a key.
pub(super) enum Verdict {
    /// A field of the struct that is read.
    Read,
    /// Read by another part of this module, or switched off.
    Skip,
    /// Without effect here, for this reason, which may be empty.
    Ignore(Effect, &'static str),
    /// An error.
    Refuse(Problem),
}

/// The keys that a block accepts besides its own fields.
pub(in crate::config) struct Block {
    pub(in crate::config) rules: &'static [Rule],
    pub(in crate::config) others: Others,
}

/// The treatment of keys that neither a rule nor LiteLLM's own list names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Others {
    /// All are refused, because every key of the block affects access.
    Refused,
    /// They are ignored, as by LiteLLM, unless they look like an access rule.
    Ignored,
    /// They are ignored regardless of their name, because the block is for keys of one's own.
    Free,
    /// They are request parameters.
    Sent,
}

/// Keys of `general_settings` that are easily written at the top level, where they would silently have no effect.
pub(in crate::config) const MISPLACED: [&str; 5] =
    ["role_permissions", "litellm_jwtauth", "enable_jwt_auth", "enforce_rbac", "master_key"];

/// The reason for ignoring a key that LiteLLM does not have either.
const NOT_LITELLMS: &str = "LiteLLM has no such key here";

/// The keys that the named block accepts. The name of the top level is empty.
pub(in crate::config) fn block(name: &str) -> Block {
    let (rules, others) = match name {
        "" => (fates::TOP, Others::Free),
        "general_settings" => (fates::GENERAL, Others::Ignored),
        "litellm_jwtauth" => (fates::JWT_AUTH, Others::Refused),
        "issuers" => (fates::ISSUERS, Others::Refused),
        "model_list" => (fates::MODEL_LIST, Others::Ignored),
        "litellm_params" => (fates::LITELLM_PARAMS, Others::Sent),
        "model_info" => (fates::MODEL_INFO, Others::Free),
        _ => (&[] as &[Rule], Others::Refused),
    };
    Block { rules, others }
}

/// Whether a string may stand for the block, as its main key alone.
pub(super) fn may_be_text(name: &str) -> bool {
    name == "invariants"
}

/// The full name of a key, such as `general_settings.alerting`.
pub(in crate::config) fn full_name(block: &str, key: &str) -> String {
    let key = name_in(key);
    if block.is_empty() { key.to_owned() } else { format!("{block}.{key}") }
}

/// Decides on a key of the block `name`, which is empty for the top level. `fields` are the block's own keys.
pub(super) fn judge(name: &str, fields: &'static [&'static str], key: &str, value: &Value) -> Verdict {
    if fields.contains(&key) {
        return Verdict::Read;
    }
    let block = block(name);
    if let Some((_, fate)) = block.rules.iter().find(|(keys, _)| keys.contains(&key)) {
        return match fate {
            Fate::Read => Verdict::Skip,
            _ if is_off(value) => Verdict::Skip,
            // The function asks the rules of this file.
            Fate::Refuse(_) if key == "custom_auth" && is_plugin(value) => {
                Verdict::Ignore(Effect::Harmless, "")
            }
            Fate::Ignore => Verdict::Ignore(Effect::Harmless, ""),
            Fate::Warn(reason) => Verdict::Ignore(Effect::ChangesAnswers, reason),
            Fate::Refuse(reason) => Verdict::Refuse(not_implemented(key, reason)),
        };
    }
    let access_rule = looks_like_access_rule(key);
    if name == "general_settings" && fates::GENERAL_REVIEWED.contains(&key) {
        return Verdict::Ignore(Effect::Harmless, "");
    }
    if knows(name, key) {
        // An updated list must not grant access without a decision.
        return if name == "general_settings" && access_rule && !is_off(value) {
            Verdict::Refuse(not_implemented(key, "what it denies would be allowed"))
        } else {
            Verdict::Ignore(Effect::Harmless, "")
        };
    }
    if name.is_empty() && MISPLACED.contains(&key) {
        return Verdict::Refuse(Problem::AtTopLevel { key: key.to_owned() });
    }
    if block.others == Others::Sent && is_request_parameter(key) {
        return Verdict::Skip;
    }
    let shown = name_in(key);
    if let Some(near) = nearest(shown, fields.iter().copied()) {
        return Verdict::Refuse(unknown(name, key, format!("did you mean `{near}`?")));
    }
    match block.others {
        Others::Refused => Verdict::Refuse(unknown(name, key, format!("the keys are {}", list(fields)))),
        Others::Ignored | Others::Sent if access_rule => {
            let rules = block.rules.iter().flat_map(|(keys, _)| keys.iter().copied());
            let help = nearest(shown, rules)
                .map_or_else(|| CLOSES.to_owned(), |near| format!("did you mean `{near}`?"));
            Verdict::Refuse(unknown(name, key, help))
        }
        Others::Sent => Verdict::Skip,
        Others::Free if access_rule => {
            Verdict::Ignore(Effect::ChangesAnswers, "modelgate makes no rule of it")
        }
        Others::Free if name.is_empty() => Verdict::Ignore(Effect::Harmless, ""),
        Others::Free => Verdict::Skip,
        Others::Ignored => Verdict::Ignore(Effect::Harmless, NOT_LITELLMS),
    }
}

/// Keys that LiteLLM treats as request parameters, although they configure the deployment or LiteLLM.
const SETTINGS: [&str; 17] = [
    "api_base",
    "api_key",
    "api_version",
    "base_url",
    "custom_llm_provider",
    "default_headers",
    "deployment_id",
    "extra_body",
    "extra_headers",
    "max_retries",
    "messages",
    "metadata",
    "mock_response",
    "model",
    "organization",
    "request_timeout",
    "timeout",
];

/// Whether a key of `litellm_params` is sent as a request parameter.
pub(in crate::config) fn is_sent(key: &str) -> bool {
    let has_rule = fates::LITELLM_PARAMS.iter().any(|(keys, _)| keys.contains(&key));
    !has_rule && !SETTINGS.contains(&key) && (is_request_parameter(key) || !knows("litellm_params", key))
}

/// The help for an unknown key that looks like an access rule.
const CLOSES: &str =
    "it looks like an access rule, and ignoring it could allow more: remove it if it is not one";

fn not_implemented(key: &str, reason: &str) -> Problem {
    Problem::NotImplemented { key: key.to_owned(), help: reason.to_owned() }
}

fn unknown(name: &str, key: &str, help: String) -> Problem {
    let place = if name.is_empty() { "at the top level".to_owned() } else { format!("in `{name}`") };
    Problem::UnknownKey { key: name_in(key).to_owned(), place, help }
}

/// Whether the value is the function of our plugin for LiteLLM's proxy.
fn is_plugin(value: &Value) -> bool {
    matches!(value, Value::String(name) if name == fates::PLUGIN_AUTH)
}

/// Whether a feature is only named to switch it off. An empty list may mean "nobody".
fn is_off(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false))
}
