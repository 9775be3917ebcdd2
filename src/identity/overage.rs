//! Detects claims that an identity provider left out of a token because of their size.

use crate::config::JwtAuth;
use crate::json::{Json, Object};

/// The claim that Entra ID leaves out in the implicit flow.
const GROUPS: &str = "groups";

/// The first claim that the configuration reads but that, according to the token, was left out.
///
/// If a user has too many groups, Entra ID replaces the claim with `_claim_names`, the distributed claims of OpenID
/// Connect Core 5.6.2, or with `hasgroups`. Treating such a token as one without groups would drop the denials of a
/// group.
pub(super) fn left_out(jwt: &JwtAuth, claims: &Object<'_>) -> Option<String> {
    let elsewhere = claims.get("_claim_names").and_then(Json::as_object);
    let has_groups = claims.get("hasgroups").is_some_and(is_true);
    if elsewhere.is_none() && !has_groups {
        return None;
    }
    let read = jwt.identifying_claims(claims.get("iss").and_then(Json::as_str));
    let mut read = read.flat_map(crate::names::ClaimPath::claims);
    let is_left_out =
        |claim: &&str| elsewhere.is_some_and(|names| names.has(claim)) || (has_groups && *claim == GROUPS);
    read.find(is_left_out).map(str::to_owned)
}

fn is_true(value: &Json<'_>) -> bool {
    match value {
        Json::Bool(on) => *on,
        Json::Text(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::identify;

    const RULES: &str = "{team_ids_jwt_field: groups, user_id_jwt_field: sub}";

    #[test]
    fn groups_that_are_kept_elsewhere_are_left_out() {
        let claims = json!({"sub": "u", "_claim_names": {"groups": "src1"},
            "_claim_sources": {"src1": {"endpoint": "https://graph.example.com/getMemberObjects"}}});
        assert_eq!(identify(RULES, claims).membership.left_out.as_deref(), Some("groups"));
    }

    #[test]
    fn hasgroups_means_that_groups_are_left_out() {
        for value in [json!(true), json!("true")] {
            assert_eq!(
                identify(RULES, json!({"hasgroups": value})).membership.left_out.as_deref(),
                Some("groups")
            );
        }
    }

    #[test]
    fn a_claim_that_nothing_reads_may_be_left_out() {
        let rules = "{user_id_jwt_field: sub}";
        for claims in [json!({"hasgroups": true}), json!({"_claim_names": {"groups": "src1"}})] {
            assert_eq!(identify(rules, claims).membership.left_out, None);
        }
    }

    #[test]
    fn an_ordinary_token_leaves_nothing_out() {
        assert_eq!(identify(RULES, json!({"groups": ["a"], "hasgroups": false})).membership.left_out, None);
    }
}
