//! Recognizes keys that may be an access rule by the words in their names.

/// Words in the names of access rules.
const WORDS: [&str; 33] = [
    "access",
    "acl",
    "admin",
    "admins",
    "ban",
    "banned",
    "deny",
    "denied",
    "denies",
    "enforce",
    "enforced",
    "forbid",
    "forbidden",
    "guard",
    "ip",
    "ips",
    "only",
    "permission",
    "permissions",
    "permit",
    "permitted",
    "private",
    "prohibit",
    "prohibited",
    "protect",
    "rbac",
    "require",
    "required",
    "role",
    "roles",
    "route",
    "routes",
    "scope",
];

/// Prefixes of such words, which have many endings.
const BEGINNINGS: [&str; 11] = [
    "allow",
    "auth",
    "blacklist",
    "block",
    "denylist",
    "disallow",
    "guardrail",
    "restrict",
    "scopes",
    "unauth",
    "whitelist",
];

/// Whether an unknown key may restrict access, so that ignoring it could grant access.
pub(in crate::config) fn looks_like_access_rule(key: &str) -> bool {
    key.to_ascii_lowercase()
        .split(['_', '-', '.'])
        .any(|word| WORDS.contains(&word) || BEGINNINGS.iter().any(|beginning| word.starts_with(beginning)))
}

/// The same check as a regular expression, for the schema.
#[cfg(feature = "cli")]
pub(in crate::config) fn pattern() -> String {
    let (words, beginnings) = (WORDS.join("|"), BEGINNINGS.join("|"));
    format!("(^|[-_.])(({words})($|[-_.])|({beginnings}))")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_access_rules_are_recognized_as_whole_words() {
        for key in
            ["allowed_regions", "deny_list", "ip_allowlist", "block-users", "require_mfa", "authz_hook"]
        {
            assert!(looks_like_access_rule(key), "{key}");
        }
        for key in ["request_timeout", "json_logs", "description", "router_retries", "zebra", "ship_logs"] {
            assert!(!looks_like_access_rule(key), "{key}");
        }
    }
}
