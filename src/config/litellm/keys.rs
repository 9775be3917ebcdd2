//! What becomes of each key of each block: read, ignored, warned of, or refused.

use super::fates::{self, Fate, Rule};
use crate::config::problem::{Caution, Problem};
use crate::config::suggest::{list, nearest};
use crate::config::yaml::key_name::name_in;
use crate::config::yaml::tree::Value;

/// The decision on one key.
pub(super) enum Verdict {
    /// A field of ours.
    Read,
    /// Somebody else's; the name is for the log.
    Ignore(Option<String>),
    /// Somebody else's, worth a line.
    Warn(Caution),
    /// An error.
    Refuse(Problem),
}

/// What a block takes beside its own fields.
pub(in crate::config) struct Block {
    pub(in crate::config) rules: &'static [Rule],
    /// More keys that are ignored.
    pub(in crate::config) ignored: &'static str,
    pub(in crate::config) others: Others,
}

/// What becomes of keys that no rule names.
#[derive(Clone, Copy)]
pub(in crate::config) enum Others {
    Unknown,
    Ignored,
    IgnoredAndNamed,
}

/// Keys of `general_settings` whose loss nobody would notice at the top level.
pub(in crate::config) const MISPLACED: [&str; 5] =
    ["role_permissions", "litellm_jwtauth", "enable_jwt_auth", "enforce_rbac", "master_key"];

/// What the block of this name takes; the top level's is empty.
pub(in crate::config) fn block(name: &str) -> Block {
    let (rules, ignored, others) = match name {
        "" => (fates::TOP, "", Others::IgnoredAndNamed),
        "general_settings" => (fates::GENERAL, fates::GENERAL_IGNORED, Others::Unknown),
        "litellm_jwtauth" => (fates::JWT_AUTH, "", Others::Unknown),
        "issuers" => (fates::ISSUERS, "", Others::Unknown),
        "litellm_params" => (fates::LITELLM_PARAMS, "", Others::IgnoredAndNamed),
        "model_info" => (fates::MODEL_INFO, "", Others::Ignored),
        _ => (&[] as &[Rule], "", Others::Unknown),
    };
    Block { rules, ignored, others }
}

/// Judges a key of the block `name` (empty for the top level) whose own keys are `fields`.
pub(super) fn judge(name: &str, fields: &'static [&'static str], key: &str, value: &Value) -> Verdict {
    if fields.contains(&key) {
        return Verdict::Read;
    }
    let block = block(name);
    let shown = name_in(key);
    let full_name = if name.is_empty() { shown.to_owned() } else { format!("{name}.{shown}") };
    if let Some((_, fate)) = block.rules.iter().find(|(keys, _)| keys.contains(&key)) {
        return match fate {
            _ if is_off(value) => Verdict::Ignore(None),
            Fate::Ignore => Verdict::Ignore(Some(full_name)),
            Fate::Warn(reason) => Verdict::Warn(Caution::Ignored { key: key.to_owned(), reason }),
            Fate::Refuse(reason) => {
                Verdict::Refuse(Problem::NotImplemented { key: key.to_owned(), help: (*reason).to_owned() })
            }
        };
    }
    if block.ignored.split_whitespace().any(|ignored| ignored == key) {
        return Verdict::Ignore(Some(full_name));
    }
    if name.is_empty() && MISPLACED.contains(&key) {
        return Verdict::Refuse(Problem::AtTopLevel { key: key.to_owned() });
    }
    match (nearest(shown, fields.iter().copied()), block.others) {
        (None, Others::Ignored) => Verdict::Ignore(None),
        (None, Others::IgnoredAndNamed) => Verdict::Ignore(Some(full_name)),
        (Some(near), _) => Verdict::Refuse(unknown(name, key, format!("did you mean `{near}`?"))),
        (None, Others::Unknown) => {
            Verdict::Refuse(unknown(name, key, format!("the keys are {}", list(fields))))
        }
    }
}

fn unknown(name: &str, key: &str, help: String) -> Problem {
    let place = if name.is_empty() { "at the top level".to_owned() } else { format!("in `{name}`") };
    Problem::UnknownKey { key: name_in(key).to_owned(), place, help }
}

/// Whether a feature is named only to be left switched off. An empty list may well mean "nobody".
fn is_off(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false))
}
