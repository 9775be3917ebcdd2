use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::authn::testing::{NOW, now, rules};

fn judge(claims: Value, rules: &TokenRules) -> Result<(), TokenError> {
    check(&Object::of_map(claims.as_object().unwrap()), &ClaimRules::of(None, rules), now()).map(|_| ())
}

fn date_error(claim: &'static str) -> Result<(), TokenError> {
    Err(TokenError::ClaimType { claim, expected: DATE })
}

#[test]
fn exp_is_required() {
    assert_eq!(judge(json!({}), &rules()), Err(TokenError::ClaimMissing { claim: "exp" }));
}

#[test]
fn a_token_is_valid_until_just_before_exp() {
    assert_eq!(judge(json!({"exp": NOW + 1}), &rules()), Ok(()));
    assert_eq!(judge(json!({"exp": NOW}), &rules()), Err(TokenError::Expired));
    assert_eq!(judge(json!({"exp": NOW as f64 + 0.5}), &rules()), Ok(()));
    assert_eq!(judge(json!({"exp": NOW as f64 - 0.5}), &rules()), Err(TokenError::Expired));
    assert_eq!(judge(json!({"exp": 0}), &rules()), Err(TokenError::Expired));
}

#[test]
fn nbf_and_iat_are_valid_from_their_second() {
    for claim in ["nbf", "iat"] {
        assert_eq!(judge(json!({"exp": NOW + 60, claim: NOW}), &rules()), Ok(()), "{claim}");
        assert_eq!(
            judge(json!({"exp": NOW + 60, claim: NOW + 1}), &rules()),
            Err(TokenError::NotYetValid { claim })
        );
    }
}

#[test]
fn leeway_widens_each_time_on_its_own_side() {
    let (leeway, early_leeway) = (Duration::from_secs(10), Duration::from_secs(5));
    let rules = TokenRules { leeway, early_leeway, ..rules() };
    assert_eq!(judge(json!({"exp": NOW - 9, "nbf": NOW + 5, "iat": NOW + 5}), &rules), Ok(()));
    assert_eq!(judge(json!({"exp": NOW - 10}), &rules), Err(TokenError::Expired));
    for claim in ["nbf", "iat"] {
        assert_eq!(
            judge(json!({"exp": NOW, claim: NOW + 6}), &rules),
            Err(TokenError::NotYetValid { claim })
        );
    }
}

#[test]
fn times_are_numbers_that_can_be_dates() {
    let strange = [
        json!("1900000000"),
        json!(null),
        json!([NOW + 60]),
        json!({}),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!((NOW + 60) * 1000),
    ];
    for value in strange {
        assert_eq!(judge(json!({"exp": value}), &rules()), date_error("exp"), "{value}");
        for claim in ["nbf", "iat"] {
            assert_eq!(judge(json!({"exp": NOW + 60, claim: value}), &rules()), date_error(claim), "{value}");
        }
    }
}

#[test]
fn a_clock_before_1970_finds_everything_expired() {
    let claims = json!({"exp": LAST_DATE});
    let early = UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(
        check(&Object::of_map(claims.as_object().unwrap()), &ClaimRules::of(None, &rules()), early).err(),
        Some(TokenError::Expired)
    );
}

#[test]
fn the_issuer_is_compared_exactly() {
    let rules = TokenRules { issuer: Some("https://idp.example/a".to_owned()), ..rules() };
    assert_eq!(judge(json!({"exp": NOW + 60, "iss": "https://idp.example/a"}), &rules), Ok(()));
    assert_eq!(judge(json!({"exp": NOW + 60}), &rules), Err(TokenError::ClaimMissing { claim: "iss" }));
    for other in
        ["https://idp.example/a/", "https://IDP.example/a", "http://idp.example/a", "", "https://idp.example"]
    {
        let error = TokenError::Issuer { expected: "https://idp.example/a".to_owned() };
        assert_eq!(judge(json!({"exp": NOW + 60, "iss": other}), &rules), Err(error), "{other}");
    }
    let claims = json!({"exp": NOW + 60, "iss": ["https://idp.example/a"]});
    assert_eq!(judge(claims, &rules), Err(TokenError::ClaimType { claim: "iss", expected: "a string" }));
}

#[test]
fn the_audience_is_a_string_or_one_of_a_list() {
    let rules = TokenRules { audience: Some("api://gate".to_owned()), ..rules() };
    for audience in [json!("api://gate"), json!(["api://gate"]), json!(["other", "api://gate"])] {
        assert_eq!(judge(json!({"exp": NOW + 60, "aud": audience}), &rules), Ok(()), "{audience}");
    }
    assert_eq!(judge(json!({"exp": NOW + 60}), &rules), Err(TokenError::ClaimMissing { claim: "aud" }));
    for audience in [
        json!("api://gate/"),
        json!("API://gate"),
        json!([]),
        json!(["api"]),
        json!(""),
        json!("api://gate other"),
    ] {
        let error = TokenError::Audience { expected: "api://gate".to_owned() };
        assert_eq!(judge(json!({"exp": NOW + 60, "aud": audience}), &rules), Err(error), "{audience}");
    }
    for audience in [json!(["api://gate", 1]), json!({"api://gate": 1}), json!(null), json!([["api://gate"]])]
    {
        let result = judge(json!({"exp": NOW + 60, "aud": audience}), &rules);
        assert!(matches!(result, Err(TokenError::ClaimType { claim: "aud", .. })), "{audience}");
    }
}

#[test]
fn without_rules_any_issuer_and_audience_pass() {
    assert_eq!(judge(json!({"exp": NOW + 60, "iss": 1, "aud": {}}), &rules()), Ok(()));
}

#[test]
fn an_access_token_of_cognito_is_for_its_client() {
    let rules = TokenRules { audience: Some("app".to_owned()), ..rules() };
    let token = |mut claims: Value| {
        claims["exp"] = json!(NOW + 60);
        judge(claims, &rules)
    };
    let missing = Err(TokenError::ClaimMissing { claim: "aud" });
    let wrong = Err(TokenError::Audience { expected: "app".to_owned() });
    assert_eq!(token(json!({"token_use": "access", "client_id": "app"})), Ok(()));
    assert_eq!(token(json!({"token_use": "access", "client_id": "other"})), wrong);
    assert_eq!(token(json!({"token_use": "access", "client_id": "app", "aud": "other"})), wrong);
    for claims in [
        json!({"client_id": "app"}),
        json!({"token_use": "id", "client_id": "app"}),
        json!({"token_use": ["access"], "client_id": "app"}),
        json!({"token_use": "access", "client_id": ["app"]}),
        json!({"token_use": "access"}),
    ] {
        assert_eq!(token(claims), missing);
    }
}
