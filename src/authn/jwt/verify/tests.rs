use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::authn::BearerError;
use crate::authn::testing::{NOW, RSA, Signer, b64, claims, jwks, now, rules};

fn set(keys: &[Value]) -> Arc<KeySet> {
    Arc::new(KeySet::parse(jwks(keys).as_bytes()).unwrap())
}

fn judge(token: &str, sets: &[Arc<KeySet>]) -> Result<VerifiedClaims, TokenError> {
    verify(&Bearer::new(token).unwrap(), |_| sets, &rules(), now())
}

/// The result for a token with this header, signed correctly with the key in the set.
fn with_header(header: &str) -> Result<VerifiedClaims, TokenError> {
    let sets = [set(&[RSA[0].jwk_with(json!({"kid": "k"}))])];
    judge(&RSA[0].token_of(header, claims().to_string().as_bytes()), &sets)
}

fn with_payload(payload: &[u8]) -> Result<VerifiedClaims, TokenError> {
    let sets = [set(&[RSA[0].jwk_with(json!({"kid": "k"}))])];
    judge(&RSA[0].token_of(r#"{"alg":"RS256","kid":"k"}"#, payload), &sets)
}

#[test]
fn every_accepted_algorithm_verifies() {
    let (p256, p384, ed) = (Signer::p256(), Signer::p384(), Signer::ed25519());
    let sets = [set(&[
        RSA[0].jwk_with(json!({"kid": "rsa"})),
        p256.jwk_with(json!({"kid": "p256"})),
        p384.jwk_with(json!({"kid": "p384"})),
        ed.jwk_with(json!({"kid": "ed"})),
    ])];
    let mut cases = vec![(&p256, "ES256", "p256"), (&p384, "ES384", "p384"), (&ed, "EdDSA", "ed")];
    cases.extend(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(|alg| (&RSA[0], alg, "rsa")));
    for (signer, alg, kid) in cases {
        let verified = judge(&signer.token(alg, kid, &claims()), &sets);
        assert_eq!(verified.unwrap().as_map(), claims().as_object().unwrap(), "{alg}");
    }
}

#[test]
fn algorithms_that_are_not_accepted_are_refused_by_name() {
    for alg in ["none", "None", "NONE", "HS256", "HS384", "HS512", "ES512", "ES256K", "rs256", ""] {
        let error = with_header(&json!({"alg": alg, "kid": "k"}).to_string()).unwrap_err();
        assert_eq!(error, TokenError::Algorithm { name: alg.to_owned() });
        assert!(error.to_string().starts_with(&format!("algorithm `{alg}` is not accepted")));
    }
    for header in [r#"{"kid":"k"}"#, r#"{"alg":null}"#, r#"{"alg":["RS256"]}"#] {
        assert!(matches!(with_header(header), Err(TokenError::Algorithm { .. })), "{header}");
    }
}

#[test]
fn an_unsecured_token_is_refused_by_its_algorithm() {
    let token = format!("{}.{}.", b64(br#"{"alg":"none"}"#), b64(claims().to_string().as_bytes()));
    assert_eq!(judge(&token, &[]), Err(TokenError::Algorithm { name: "none".to_owned() }));
}

#[test]
fn an_empty_signature_is_refused_whatever_the_algorithm() {
    let (p256, p384, ed) = (Signer::p256(), Signer::p384(), Signer::ed25519());
    let mut cases = vec![(&p256, "ES256"), (&p384, "ES384"), (&ed, "EdDSA")];
    cases.extend(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(|alg| (&RSA[0], alg)));
    for (signer, alg) in cases {
        let sets = [set(&[signer.jwk_with(json!({"kid": "k"}))])];
        let token = signer.token(alg, "k", &claims());
        let (signed, _) = token.rsplit_once('.').unwrap();
        assert_eq!(judge(&format!("{signed}."), &sets), Err(TokenError::Signature), "{alg}");
        assert_eq!(judge(signed, &sets), Err(TokenError::Shape), "{alg}");
    }
}

#[test]
fn a_public_key_is_no_secret_to_sign_with() {
    use aws_lc_rs::hmac::{HMAC_SHA256, HMAC_SHA384, HMAC_SHA512, Key, sign};
    let jwk = RSA[0].jwk_with(json!({"kid": "k"}));
    let sets = [set(std::slice::from_ref(&jwk))];
    let n = jwk["n"].as_str().unwrap().to_owned();
    for (alg, hash) in [("HS256", HMAC_SHA256), ("HS384", HMAC_SHA384), ("HS512", HMAC_SHA512)] {
        for secret in [jwk.to_string(), jwks(std::slice::from_ref(&jwk)), n.clone()] {
            let header = json!({"alg": alg, "kid": "k"}).to_string();
            let signed = format!("{}.{}", b64(header.as_bytes()), b64(claims().to_string().as_bytes()));
            let made = sign(&Key::new(hash, secret.as_bytes()), signed.as_bytes());
            let judged = judge(&format!("{signed}.{}", b64(made.as_ref())), &sets);
            assert_eq!(judged, Err(TokenError::Algorithm { name: alg.to_owned() }));
        }
    }
}

#[test]
fn header_members_that_change_the_meaning_are_refused() {
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["b64", "urn:example:unknown"])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("enc", json!("A256GCM")),
        ("zip", json!("DEF")),
    ] {
        let header = json!({"alg": "RS256", "kid": "k", name: value}).to_string();
        assert_eq!(with_header(&header), Err(TokenError::HeaderMember { name }), "{header}");
    }
}

#[test]
fn keys_in_the_header_are_ignored() {
    let forger = Signer::p256();
    let header = json!({"alg": "ES256", "kid": "k", "jwk": forger.jwk(), "jku": "http://127.0.0.1:1/", "x5c": ["AA"],
        "x5u": "http://127.0.0.1:1/", "typ": "JWT", "cty": "x"});
    let token = forger.token_of(&header.to_string(), claims().to_string().as_bytes());
    let own = Signer::p256();
    assert_eq!(judge(&token, &[set(&[own.jwk_with(json!({"kid": "k"}))])]), Err(TokenError::Signature));
    let token = own.token_of(&header.to_string(), claims().to_string().as_bytes());
    assert!(judge(&token, &[set(&[own.jwk_with(json!({"kid": "k"}))])]).is_ok());
}

#[test]
fn a_key_id_is_looked_up_as_it_stands() {
    for kid in ["../../etc/passwd", "' OR 1=1 --", "k\0", "K", "", " k", "\u{1f511}"] {
        let header = json!({"alg": "RS256", "kid": kid}).to_string();
        assert!(matches!(with_header(&header), Err(TokenError::UnknownKey { kid: Some(_) })), "{kid}");
    }
    for header in [
        json!({"alg": "RS256", "kid": 1}),
        json!({"alg": "RS256", "kid": null}),
        json!({"alg": "RS256", "kid": "k".repeat(1025)}),
    ] {
        assert_eq!(with_header(&header.to_string()), Err(TokenError::KeyId));
    }
}

#[test]
fn a_key_id_of_a_megabyte_is_refused_by_its_length() {
    let header = json!({"alg": "RS256", "kid": "k".repeat(1 << 20)}).to_string();
    let token = RSA[0].token_of(&header, claims().to_string().as_bytes());
    assert_eq!(Bearer::new(&token).unwrap_err(), BearerError::TooLong);
    let set = set(&[RSA[0].jwk_with(json!({"kid": "k"}))]);
    assert_eq!(verify_signature(&token, &set).unwrap_err(), TokenError::KeyId);
}

#[test]
fn a_strange_header_is_refused() {
    for header in [
        "",
        "[]",
        "null",
        r#"{"alg":"RS256","alg":"RS256","kid":"k"}"#,
        r#"{"alg":"RS256","kid":"k"} x"#,
        "\u{feff}{\"alg\":\"RS256\",\"kid\":\"k\"}",
    ] {
        assert!(matches!(with_header(header), Err(TokenError::Json { part: "header", .. })), "{header}");
    }
}

#[test]
fn what_has_not_the_shape_of_a_token_is_refused_as_such() {
    for text in [
        "sk-1234",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "a.b.c=",
        "a.b/.c",
        "a.b+.c",
        "{\"payload\":\"\"}",
        "...",
        "a",
    ] {
        assert_eq!(judge(text, &[]), Err(TokenError::Shape), "{text}");
    }
}

#[test]
fn an_empty_part_is_refused() {
    let (token, sets) = sample();
    let parts: Vec<&str> = token.split('.').collect();
    for at in 0..3 {
        let mut parts = parts.clone();
        parts[at] = "";
        assert!(judge(&parts.join("."), &sets).is_err(), "part {at}");
    }
    assert!(judge("..", &sets).is_err());
}

#[test]
fn base64_is_strict_in_every_part() {
    let ed = Signer::ed25519();
    let sets = [set(&[ed.jwk_with(json!({"kid": "k"}))])];
    let token = ed.token("EdDSA", "k", &claims());
    assert!(judge(&token, &sets).is_ok());
    // 64 bytes leave four unused bits in the last character, so only one of 16 spellings is strict.
    let (rest, last) = token.split_at(token.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    assert_eq!(judge(&format!("{rest}{next}"), &sets), Err(TokenError::Encoding { part: "signature" }));
    assert_eq!(judge(&format!("{token}A"), &sets), Err(TokenError::Signature));
    assert_eq!(
        judge(&format!("A.{}", token.split_once('.').unwrap().1), &sets),
        Err(TokenError::Encoding { part: "header" })
    );
    let loose = format!("{}.e31", b64(br#"{"alg":"EdDSA","kid":"k"}"#));
    assert!(matches!(verify_signature(&format!("{loose}.AA"), &sets[0]), Err(TokenError::Signature)));
}

#[test]
fn claims_are_one_strict_object() {
    let ok = json!({"exp": NOW + 60}).to_string();
    assert!(with_payload(ok.as_bytes()).is_ok());
    let deep = format!(r#"{{"exp": 9999999999, "a": {}{}}}"#, "[".repeat(32), "]".repeat(32));
    let cases: [&[u8]; 9] = [
        b"",
        b"foo",
        b"[]",
        b"{\"exp\": 9999999999, \"exp\": 1}",
        b"{\"exp\": 9999999999, \"a\": {\"b\": 1, \"b\": 1}}",
        b"{\"exp\": 1e400}",
        b"{\"exp\": 9999999999, \"a\": \"\xff\"}",
        b"{\"exp\": 9999999999}{}",
        deep.as_bytes(),
    ];
    for payload in cases {
        let result = with_payload(payload);
        assert!(
            matches!(result, Err(TokenError::Json { part: "payload", .. })),
            "{}",
            payload.escape_ascii()
        );
    }
}

#[test]
fn a_huge_list_is_bounded_by_the_length_of_a_token() {
    let listing = |members: usize| json!({"exp": NOW + 60, "roles": vec![0; members]}).to_string();
    assert!(with_payload(listing(5000).as_bytes()).is_ok());
    let token = RSA[0].token_of(r#"{"alg":"RS256","kid":"k"}"#, listing(1_000_000).as_bytes());
    assert_eq!(Bearer::new(&token).unwrap_err(), BearerError::TooLong);
}

#[test]
fn claims_are_judged_by_the_rules() {
    assert_eq!(with_payload(br#"{"sub": "a"}"#), Err(TokenError::ClaimMissing { claim: "exp" }));
    assert_eq!(with_payload(br#"{"exp": 1}"#), Err(TokenError::Expired));
}

#[test]
fn a_wrong_key_or_algorithm_is_refused() {
    let sets = [set(&[RSA[0].jwk_with(json!({"kid": "k", "alg": "RS256"}))])];
    assert_eq!(judge(&RSA[1].token("RS256", "k", &claims()), &sets), Err(TokenError::Signature));
    assert_eq!(
        judge(&RSA[0].token("PS256", "k", &claims()), &sets),
        Err(TokenError::AlgorithmMismatch { name: "PS256" })
    );
    assert_eq!(
        judge(&RSA[0].token("RS256", "other", &claims()), &sets),
        Err(TokenError::UnknownKey { kid: Some("other".to_owned()) })
    );
    assert_eq!(judge(&RSA[0].token("RS256", "k", &claims()), &[]).unwrap_err().reason(), "token_unknown_key");
}

#[test]
fn two_providers_may_use_one_key_id() {
    let (a, b, c) = (Signer::p256(), Signer::p256(), Signer::p256());
    let sets = [set(&[a.jwk_with(json!({"kid": "1"}))]), set(&[b.jwk_with(json!({"kid": "1"}))])];
    assert!(judge(&a.token("ES256", "1", &claims()), &sets).is_ok());
    assert!(judge(&b.token("ES256", "1", &claims()), &sets).is_ok());
    assert_eq!(judge(&c.token("ES256", "1", &claims()), &sets), Err(TokenError::Signature));
}

#[test]
fn without_key_id_each_set_offers_its_only_fitting_key() {
    let token = RSA[0].token_of(r#"{"alg":"RS256"}"#, claims().to_string().as_bytes());
    let one = set(&[RSA[0].jwk_with(json!({"kid": "a"})), Signer::p256().jwk()]);
    let two = set(&[RSA[0].jwk_with(json!({"kid": "a"})), RSA[1].jwk_with(json!({"kid": "b"}))]);
    let none = set(&[Signer::p256().jwk()]);
    assert!(judge(&token, std::slice::from_ref(&one)).is_ok());
    assert!(judge(&token, &[two.clone(), one]).is_ok());
    assert_eq!(judge(&token, &[two]), Err(TokenError::AmbiguousKey));
    assert_eq!(judge(&token, &[none]), Err(TokenError::UnknownKey { kid: None }));
}

#[test]
fn an_error_never_repeats_the_token() {
    let token = RSA[1].token("RS256", "k", &claims());
    let sets = [set(&[RSA[0].jwk_with(json!({"kid": "k"}))])];
    let error = judge(&token, &sets).unwrap_err();
    for part in token.split('.') {
        assert!(!format!("{error} {error:?}").contains(part));
    }
}

/// A valid Ed25519 token with its keys. It is cheap enough to verify thousands of times.
fn sample() -> (String, [Arc<KeySet>; 1]) {
    let ed = Signer::ed25519();
    (ed.token("EdDSA", "k", &claims()), [set(&[ed.jwk_with(json!({"kid": "k"}))])])
}

#[test]
fn any_changed_character_makes_a_token_refused() {
    let (token, sets) = sample();
    assert!(judge(&token, &sets).is_ok());
    for at in 0..token.len() {
        for replacement in "AZaz09-_.=+ ".chars().chain([char::from(token.as_bytes()[at] ^ 1)]) {
            let mut changed = token.clone();
            changed.replace_range(at..=at, &replacement.to_string());
            let mut longer = token.clone();
            longer.insert(at, replacement);
            for other in [changed, longer].iter().filter(|other| **other != token) {
                let accepted =
                    Bearer::new(other).is_ok_and(|b| verify(&b, |_| &sets, &rules(), now()).is_ok());
                assert!(!accepted, "{at} {replacement}");
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
        let (_, sets) = sample();
        if let Ok(bearer) = Bearer::new(&bytes) {
            prop_assert!(verify(&bearer, |_| &sets, &rules(), now()).is_err());
        }
    }

    #[test]
    fn arbitrary_parts_are_refused_without_a_panic(header in ".{0,40}", payload: Vec<u8>, signature: Vec<u8>) {
        let (_, sets) = sample();
        let token = format!("{}.{}.{}", b64(header.as_bytes()), b64(&payload), b64(&signature));
        prop_assert!(judge(&token, &sets).is_err());
    }

    #[test]
    fn arbitrary_well_signed_payloads_are_judged_without_a_panic(payload in "\\{\"exp\": ?[0-9.eE+-]{1,12}[,}].{0,20}") {
        let ed = Signer::ed25519();
        let sets = [set(&[ed.jwk()])];
        let token = ed.token_of(r#"{"alg":"EdDSA"}"#, payload.as_bytes());
        let exp = serde_json::from_str::<Value>(&payload).ok().and_then(|claims| claims["exp"].as_f64());
        if judge(&token, &sets).is_ok() {
            prop_assert!(exp.is_some_and(|exp| exp > NOW as f64));
        }
    }
}
