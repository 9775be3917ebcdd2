use serde_json::{Value, json};

use super::Caller;
use crate::authn::VerifiedClaims;
use crate::config::Config;
use crate::names::Role;

pub(super) fn identify(jwtauth: &str, claims: Value) -> Caller {
    let yaml =
        format!("general_settings: {{enable_jwt_auth: true, litellm_jwtauth: {jwtauth}}}\nmodel_list: []\n");
    let config = Config::parse("config.yaml", &yaml, ".".as_ref(), &|_| None).unwrap();
    let claims = claims.as_object().unwrap().clone();
    Caller::identify(&VerifiedClaims::dangerous_trust(claims), config.jwt.as_ref())
}

#[test]
fn the_admin_scope_comes_before_every_other_role() {
    let caller = identify(
        "{team_id_jwt_field: team, user_id_jwt_field: sub}",
        json!({"scope": "openid litellm_proxy_admin", "team": "a", "sub": "u"}),
    );
    assert_eq!((caller.role(), caller.is_admin()), (Some(Role::ProxyAdmin), true));
}

#[test]
fn a_team_id_comes_before_a_user_id() {
    let caller =
        identify("{team_id_jwt_field: team, user_id_jwt_field: sub}", json!({"team": "a", "sub": "u"}));
    assert_eq!(caller.role(), Some(Role::Team));
}

#[test]
fn an_empty_team_id_is_no_team_and_keeps_the_default_out() {
    let caller = identify("{team_id_jwt_field: team, team_id_default: d}", json!({"team": ""}));
    assert_eq!((caller.role(), caller.membership.team.clone()), (None, None));
}

#[test]
fn an_allowed_role_makes_an_internal_user_without_a_user_id() {
    let rules = "{user_roles_jwt_field: roles, user_allowed_roles: [basic_user]}";
    assert_eq!(identify(rules, json!({"roles": ["basic_user"]})).role(), Some(Role::InternalUser));
    assert_eq!(identify(rules, json!({"roles": "x basic_user"})).role(), Some(Role::InternalUser));
    assert_eq!(identify(rules, json!({"roles": ["Basic_User"]})).role(), None);
}

#[test]
fn the_first_mapping_in_the_configuration_wins() {
    let rules = "{roles_jwt_field: r, object_id_jwt_field: oid, role_mappings: [{role: b, internal_role: team}, {role: a, internal_role: internal_user}]}";
    let caller = identify(rules, json!({"r": ["a", "b"], "oid": "o"}));
    assert_eq!(
        (caller.role(), caller.membership.object_team.as_deref(), caller.user_id()),
        (Some(Role::Team), Some("o"), None)
    );
}

#[test]
fn an_object_id_stands_for_the_user_where_the_token_has_one() {
    let rules = "{user_id_jwt_field: sub, roles_jwt_field: r, object_id_jwt_field: oid, role_mappings: [{role: b, internal_role: team}]}";
    assert_eq!(identify(rules, json!({"sub": "u", "oid": "o"})).user_id(), Some("o"));
    assert_eq!(identify(rules, json!({"sub": "u"})).user_id(), Some("u"));
}

#[test]
fn an_email_without_a_local_part_has_no_domain() {
    let domain = |email: &str| {
        let caller = identify("{user_email_jwt_field: email}", json!({"email": email}));
        caller.email_domain().map(str::to_owned)
    };
    assert_eq!(domain("a@my-co.com").as_deref(), Some("my-co.com"));
    assert_eq!(domain("@my-co.com"), None);
    assert_eq!(domain("my-co.com"), None);
}

#[test]
fn the_fields_of_the_tokens_issuer_go_before_the_blocks() {
    let rules = "{user_id_jwt_field: sub, team_ids_jwt_field: groups, issuers: [{issuer: 'https://a', audience: x, \
                 user_id_jwt_field: login, team_id_jwt_field: tid}]}";
    let of = |iss: Value| {
        let caller =
            identify(rules, json!({"iss": iss, "sub": "s", "login": "l", "tid": "t", "groups": ["g"]}));
        let team = caller.membership.team.as_ref().map(|team| team.id.clone());
        assert_eq!(caller.membership.team_ids, ["g"]);
        (caller.user_id().map(str::to_owned), team, caller.membership.team_expected)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(of(json!("https://a")), (text("l"), text("t"), true));
    for other in [json!("https://a/"), json!(["https://a"]), json!(null)] {
        assert_eq!(of(other.clone()), (text("s"), None, false), "{other}");
    }
}

#[test]
fn a_claim_that_the_issuer_names_and_the_token_lacks_is_not_looked_for_elsewhere() {
    let rules =
        "{user_id_jwt_field: sub, issuers: [{issuer: 'https://a', audience: x, user_id_jwt_field: login}]}";
    assert_eq!(identify(rules, json!({"iss": "https://a", "sub": "s"})).user_id(), None);
}

#[test]
fn scopes_may_be_in_scp_where_there_is_no_scope() {
    let scopes = |claims: Value| identify("{}", claims).membership.scopes.clone();
    assert_eq!(scopes(json!({"scp": "a b"})), ["a", "b"]);
    assert_eq!(scopes(json!({"scp": ["a", "b"], "scope": null})), ["a", "b"]);
    assert_eq!(scopes(json!({"scp": "a", "scope": "b"})), ["b"]);
    assert!(scopes(json!({"scp": "a", "scope": ""})).is_empty());
}

#[test]
fn the_keys_of_an_object_are_roles() {
    let claims = json!({"urn:zitadel:iam:org:project:roles": {"basic_user": {"1": "a.example"}}});
    let user =
        "{user_roles_jwt_field: 'urn:zitadel:iam:org:project:roles', user_allowed_roles: [basic_user]}";
    assert_eq!(identify(user, claims.clone()).role(), Some(Role::InternalUser));
    let mapped = "{roles_jwt_field: 'urn:zitadel:iam:org:project:roles', role_mappings: [{role: basic_user, internal_role: \
                  proxy_admin}]}";
    assert_eq!(identify(mapped, claims).role(), Some(Role::ProxyAdmin));
}

#[test]
fn of_several_paths_the_first_that_the_token_has_counts() {
    let rules = "{user_id_jwt_field: [oid, sub], user_roles_jwt_field: [roles, realm_access.roles], user_allowed_roles: [a]}";
    let caller = |claims: Value| identify(rules, claims);
    assert_eq!(caller(json!({"oid": "o", "sub": "s"})).user_id(), Some("o"));
    assert_eq!(caller(json!({"oid": null, "sub": "s"})).user_id(), Some("s"));
    assert_eq!(caller(json!({"realm_access": {"roles": ["a"]}})).role(), Some(Role::InternalUser));
    assert_eq!(caller(json!({"roles": [], "realm_access": {"roles": ["a"]}})).role(), None);
    assert_eq!(
        caller(json!({"sub": "s", "_claim_names": {"roles": "x"}})).membership.left_out.as_deref(),
        Some("roles")
    );
}

#[cfg(feature = "gateway")]
#[test]
fn a_caller_is_the_same_without_its_claims_until_they_are_needed() {
    let yaml = "general_settings: {enable_jwt_auth: true, litellm_jwtauth: {user_id_jwt_field: sub, team_ids_jwt_field: g}}\nmodel_list: []\n";
    let config = Config::parse("config.yaml", yaml, ".".as_ref(), &|_| None).unwrap();
    let jwt = config.jwt.as_ref();
    for (issuer, id) in
        [(json!("https://a#b"), "https://a%23b#u"), (json!(["https://a"]), "#u"), (json!(1), "#u")]
    {
        let claims =
            json!({"iss": issuer, "sub": "u", "g": ["x", "y"], "scope": "a b", "other": {"c": [1, null]}});
        let verified = VerifiedClaims::dangerous_trust(claims.as_object().unwrap().clone());
        let whole = Caller::identify(&verified, jwt);
        let kept = Caller::identify_borrowed(&verified.borrowed(), jwt, true);
        assert_eq!((&kept, &kept.identify_again(jwt)), (&whole, &whole));
        let bare = Caller::identify_borrowed(&verified.borrowed(), jwt, false);
        assert_eq!(
            (&bare.membership, bare.user_id(), &bare.subject),
            (&whole.membership, Some("u"), &whole.subject)
        );
        assert_eq!((bare.entity_id(), whole.entity_id()), (id.to_owned(), id.to_owned()));
        assert!(!bare.has_claims() && bare.claims().is_none() && whole.has_claims());
        // Who cannot be identified again is denied, as if its identity provider had left out a claim.
        assert_eq!(bare.identify_again(jwt).membership.left_out.as_deref(), Some("claims"));
    }
}
