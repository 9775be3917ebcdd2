use serde_json::json;
use url::Url;

use super::*;
use crate::authn::testing::{NOW, now, rules};
use crate::config::Issuer;

fn userinfo(claims: &Value, rules: &TokenRules) -> Result<VerifiedClaims, TokenError> {
    Assertion::from_userinfo(claims.to_string().as_bytes()).unwrap().verify(rules, now())
}

fn introspection(claims: &Value, rules: &TokenRules) -> Result<VerifiedClaims, TokenError> {
    Assertion::from_introspection(claims.to_string().as_bytes()).unwrap().unwrap().verify(rules, now())
}

fn scoped() -> TokenRules {
    TokenRules { issuer: Some("https://idp".to_owned()), audience: Some("gate".to_owned()), ..rules() }
}

#[test]
fn three_parts_are_a_jwt_and_api_keys_are_nobodys_token() {
    let opaque = |text: &str| is_opaque(&Bearer::new(text).unwrap());
    for text in ["abc", "a.b", "a.b.c.d", "header.key.iv.text.tag"] {
        assert!(opaque(text), "{text}");
    }
    for text in ["a.b.c", "a..", "sk-1234", "sk-a.b"] {
        assert!(!opaque(text), "{text}");
    }
}

#[test]
fn a_userinfo_answer_needs_a_subject() {
    for body in [r#"{"sub": ""}"#, r#"{"sub": 1}"#, "{}", r#"{"error": "invalid_token"}"#] {
        let error = Assertion::from_userinfo(body.as_bytes()).unwrap_err();
        assert_eq!(error, AnswerError::Subject, "{body}");
    }
    for body in ["", "[]", "<html>", r#"{"sub": "a", "sub": "b"}"#] {
        assert!(matches!(Assertion::from_userinfo(body.as_bytes()), Err(AnswerError::Json(_))), "{body}");
    }
}

#[test]
fn active_is_true_and_nothing_that_looks_like_it() {
    assert!(Assertion::from_introspection(br#"{"active": false}"#).unwrap().is_none());
    for body in ["{}", r#"{"active": "true"}"#, r#"{"active": 1}"#, r#"{"active": null}"#] {
        let error = Assertion::from_introspection(body.as_bytes()).unwrap_err();
        assert_eq!(error, AnswerError::Active, "{body}");
    }
}

#[test]
fn an_assertion_dies_with_its_exp() {
    let assertion =
        Assertion::from_introspection(json!({"active": true, "exp": NOW + 5}).to_string().as_bytes());
    let assertion = assertion.unwrap().unwrap();
    assert!(assertion.verify(&rules(), now()).is_ok());
    let later = now() + std::time::Duration::from_secs(5);
    assert_eq!(assertion.verify(&rules(), later), Err(TokenError::Expired));
}

#[test]
fn times_count_where_they_are_there() {
    for judge in [userinfo, introspection] {
        let claims = |name: &str, value: Value| json!({"sub": "u", "active": true, name: value});
        assert!(judge(&claims("x", json!(1)), &rules()).is_ok());
        assert_eq!(judge(&claims("exp", json!(NOW)), &rules()), Err(TokenError::Expired));
        let early = Err(TokenError::NotYetValid { claim: "nbf" });
        assert_eq!(judge(&claims("nbf", json!(NOW + 1)), &rules()), early);
        let result = judge(&claims("exp", json!("soon")), &rules());
        assert!(matches!(result, Err(TokenError::ClaimType { claim: "exp", .. })));
    }
}

#[test]
fn an_introspection_must_name_what_the_configuration_asks_for() {
    let good = json!({"active": true, "iss": "https://idp", "aud": ["gate"]});
    assert_eq!(introspection(&good, &scoped()).unwrap().as_map(), good.as_object().unwrap());
    for claim in ["iss", "aud"] {
        let mut less = good.clone();
        less.as_object_mut().unwrap().remove(claim);
        assert_eq!(introspection(&less, &scoped()), Err(TokenError::ClaimMissing { claim }));
        let mut other = good.clone();
        other[claim] = json!("other");
        assert!(introspection(&other, &scoped()).is_err(), "{claim}");
    }
}

#[test]
fn a_userinfo_answer_may_leave_out_issuer_and_audience_but_not_contradict_them() {
    assert!(userinfo(&json!({"sub": "u"}), &scoped()).is_ok());
    assert!(userinfo(&json!({"sub": "u", "iss": "https://idp", "aud": "gate"}), &scoped()).is_ok());
    for claim in ["iss", "aud"] {
        assert!(userinfo(&json!({"sub": "u", claim: "other"}), &scoped()).is_err(), "{claim}");
    }
}

#[test]
fn an_asserted_issuer_is_held_to_its_entry_and_an_unlisted_one_is_refused() {
    let entry = Issuer {
        issuer: "https://a".to_owned(),
        key_url: Url::parse("https://a/keys").unwrap(),
        audience: Some(vec!["for-a".to_owned()]),
        team_id_jwt_field: None,
        team_ids_jwt_field: None,
        user_id_jwt_field: None,
        user_email_jwt_field: None,
    };
    let rules = TokenRules { issuers: vec![entry], ..scoped() };
    let of = |iss: &str, aud: &str| introspection(&json!({"active": true, "iss": iss, "aud": aud}), &rules);
    assert!(of("https://a", "for-a").is_ok() && of("https://idp", "gate").is_ok());
    assert!(matches!(of("https://a", "gate"), Err(TokenError::Audience { .. })));
    assert!(matches!(of("https://idp", "for-a"), Err(TokenError::Audience { .. })));
    assert_eq!(of("https://b", "gate"), Err(TokenError::UnknownIssuer));
}

#[test]
fn only_bearer_tokens_are_accepted_from_an_introspection() {
    for kind in ["Bearer", "bearer"] {
        assert!(introspection(&json!({"active": true, "token_type": kind}), &rules()).is_ok());
    }
    for kind in [json!("DPoP"), json!(""), json!(null), json!(["Bearer"])] {
        let error = introspection(&json!({"active": true, "token_type": kind}), &rules()).unwrap_err();
        assert_eq!(error.reason(), "claim_type", "{kind}");
    }
}
