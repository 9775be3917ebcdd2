use serde_json::json;

use super::*;
use crate::authn::testing::{RSA, Signer, b64, jwks};

fn refusal(jwk: Value) -> KeyRefusal {
    match KeySet::parse(jwks(&[jwk]).as_bytes()) {
        Err(KeySetError::NoUsableKey { mut refused }) => refused.remove(0).reason,
        other => panic!("{other:?}"),
    }
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::parse(jwks(keys).as_bytes()).unwrap()
}

fn finds(set: &KeySet, kid: Option<&str>, algorithm: Algorithm) -> &'static str {
    match set.find(kid, algorithm) {
        Found::Key(_) => "key",
        Found::Several => "several",
        Found::OtherAlgorithm => "other algorithm",
        Found::Nothing => "nothing",
    }
}

#[test]
fn without_alg_the_type_and_curve_pin_the_algorithms() {
    use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let rsa = [Rs256, Rs384, Rs512, Ps256, Ps384, Ps512];
    let keys: [(Value, &[Algorithm]); 4] = [
        (RSA[0].jwk(), &rsa),
        (Signer::p256().jwk(), &[Es256]),
        (Signer::p384().jwk(), &[Es384]),
        (Signer::ed25519().jwk(), &[EdDsa]),
    ];
    for (mut jwk, allowed) in keys {
        jwk["kid"] = json!("k");
        let set = set(&[jwk]);
        for algorithm in rsa.into_iter().chain([Es256, Es384, EdDsa]) {
            let expected = if allowed.contains(&algorithm) { "key" } else { "other algorithm" };
            assert_eq!(finds(&set, Some("k"), algorithm), expected, "{algorithm:?}");
        }
    }
}

#[test]
fn alg_pins_exactly_one_algorithm() {
    let set = set(&[RSA[0].jwk_with(json!({"kid": "k", "alg": "PS256"}))]);
    assert_eq!(finds(&set, Some("k"), Algorithm::Ps256), "key");
    assert_eq!(finds(&set, Some("k"), Algorithm::Rs256), "other algorithm");
}

#[test]
fn alg_must_be_accepted_and_fit_the_key() {
    for alg in ["ES256", "HS256", "none", "RSA-OAEP", "RS1", "", "rs256", "EdDSA"] {
        assert_eq!(
            refusal(RSA[0].jwk_with(json!({ "alg": alg }))),
            KeyRefusal::Algorithm { name: alg.to_owned() }
        );
    }
    assert!(matches!(
        refusal(Signer::p256().jwk_with(json!({"alg": "ES384"}))),
        KeyRefusal::Algorithm { .. }
    ));
    assert_eq!(refusal(RSA[0].jwk_with(json!({"alg": 1}))), KeyRefusal::Member { name: "alg" });
}

#[test]
fn private_and_symmetric_keys_are_refused() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(refusal(RSA[0].jwk_with(json!({ name: "AQAB" }))), KeyRefusal::Private, "{name}");
    }
    assert_eq!(refusal(Signer::ed25519().jwk_with(json!({"d": "AQ"}))), KeyRefusal::Private);
    assert_eq!(refusal(json!({"kty": "oct", "k": "c2VjcmV0"})), KeyRefusal::Private);
    assert_eq!(refusal(json!({"kty": "oct"})), KeyRefusal::Type { name: "oct".to_owned() });
}

#[test]
fn a_key_for_another_purpose_is_refused() {
    for members in
        [json!({"use": "enc"}), json!({"use": ""}), json!({"key_ops": []}), json!({"key_ops": ["sign"]})]
    {
        assert_eq!(refusal(RSA[0].jwk_with(members.clone())), KeyRefusal::Purpose, "{members}");
    }
    for members in [json!({"key_ops": "verify"}), json!({"key_ops": ["verify", 1]})] {
        assert_eq!(refusal(RSA[0].jwk_with(members)), KeyRefusal::Member { name: "key_ops" });
    }
    set(&[RSA[0].jwk_with(json!({"use": "sig", "key_ops": ["sign", "verify"]}))]);
}

#[test]
fn other_types_and_curves_are_refused_by_name() {
    let ec = |crv: &str| refusal(Signer::p256().jwk_with(json!({ "crv": crv })));
    let okp = |crv: &str| refusal(Signer::ed25519().jwk_with(json!({ "crv": crv })));
    for crv in ["P-521", "secp256k1", "p-256", ""] {
        assert_eq!(ec(crv), KeyRefusal::Curve { name: crv.to_owned() });
    }
    for crv in ["Ed448", "X25519"] {
        assert_eq!(okp(crv), KeyRefusal::Curve { name: crv.to_owned() });
    }
    assert_eq!(refusal(json!({"kty": "AKP"})), KeyRefusal::Type { name: "AKP".to_owned() });
}

#[test]
fn a_missing_or_malformed_member_is_named() {
    for (jwk, names) in
        [(RSA[0].jwk(), &["kty", "n", "e"][..]), (Signer::p384().jwk(), &["kty", "crv", "x", "y"])]
    {
        for name in names {
            let mut without = jwk.clone();
            without.as_object_mut().unwrap().remove(*name);
            assert_eq!(refusal(without), KeyRefusal::Member { name });
            let mut number = jwk.clone();
            number[*name] = json!(1);
            assert_eq!(refusal(number), KeyRefusal::Member { name });
        }
    }
    let n = RSA[0].jwk()["n"].as_str().unwrap().to_owned();
    for loose in [format!("{n}=="), format!("{n} "), n.replace(['-', '_'], "+") + "+"] {
        assert_eq!(refusal(RSA[0].jwk_with(json!({ "n": loose }))), KeyRefusal::Member { name: "n" });
    }
    assert_eq!(refusal(RSA[0].jwk_with(json!({"kid": 1}))), KeyRefusal::Member { name: "kid" });
    assert_eq!(
        refusal(RSA[0].jwk_with(json!({"kid": "k".repeat(1025)}))),
        KeyRefusal::Member { name: "kid" }
    );
    assert_eq!(refusal(json!("key")), KeyRefusal::NotAnObject);
}

#[test]
fn weak_rsa_keys_are_refused() {
    assert_eq!(refusal(RSA[0].jwk_with(json!({"n": b64(&[0xff; 128])}))), KeyRefusal::RsaSize { bits: 1024 });
    assert_eq!(refusal(RSA[0].jwk_with(json!({"e": "AQ"}))), KeyRefusal::RsaExponent);
}

#[test]
fn a_point_off_the_curve_is_refused() {
    for signer in [Signer::p256(), Signer::p384()] {
        let jwk = signer.jwk();
        assert_eq!(refusal(signer.jwk_with(json!({"x": jwk["y"], "y": jwk["x"]}))), KeyRefusal::Material);
        assert_eq!(refusal(signer.jwk_with(json!({"x": "AA"}))), KeyRefusal::Material);
    }
    assert_eq!(refusal(Signer::ed25519().jwk_with(json!({"x": b64(&[1; 31])}))), KeyRefusal::Material);
}

#[test]
fn a_modulus_with_a_leading_zero_is_the_same_key() {
    let n = b64(&[&[0][..], &modulus()].concat());
    let set = set(&[RSA[0].jwk_with(json!({"kid": "k"})), RSA[0].jwk_with(json!({"kid": "k", "n": n}))]);
    // A different key with the same id would be refused, together with the first.
    assert_eq!((set.count(), set.refused()), (2, &[][..]));
    assert_eq!(finds(&set, Some("k"), Algorithm::Rs256), "key");
}

fn modulus() -> Vec<u8> {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(RSA[0].jwk()["n"].as_str().unwrap()).unwrap()
}

#[test]
fn a_bad_key_does_not_spoil_the_others() {
    let set = set(&[
        json!({"kty": "oct", "kid": "bad", "k": "AA"}),
        Signer::p256().jwk_with(json!({"kid": "good"})),
    ]);
    assert_eq!(finds(&set, Some("good"), Algorithm::Es256), "key");
    assert_eq!(set.refused(), [RefusedKey { kid: Some("bad".to_owned()), reason: KeyRefusal::Private }]);
}

#[test]
fn two_keys_of_one_id_are_both_refused_in_any_order() {
    let one = Signer::p256().jwk_with(json!({"kid": "k"}));
    let two = Signer::p256().jwk_with(json!({"kid": "k"}));
    let other = Signer::p256().jwk_with(json!({"kid": "other"}));
    for keys in [[&one, &two, &other], [&two, &other, &one]] {
        let set = set(&keys.map(Clone::clone));
        assert_eq!(finds(&set, Some("k"), Algorithm::Es256), "nothing");
        assert_eq!(finds(&set, Some("other"), Algorithm::Es256), "key");
        assert_eq!(set.refused().len(), 2);
    }
}

#[test]
fn keys_of_one_id_that_never_compete_are_kept() {
    let set = set(&[
        RSA[0].jwk_with(json!({"kid": "k", "alg": "RS256"})),
        RSA[1].jwk_with(json!({"kid": "k", "alg": "PS256"})),
        Signer::p256().jwk_with(json!({"kid": "k"})),
    ]);
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256] {
        assert_eq!(finds(&set, Some("k"), algorithm), "key");
    }
}

#[test]
fn a_key_listed_twice_is_one_key() {
    let set =
        set(&[RSA[0].jwk_with(json!({"kid": "k"})), RSA[0].jwk_with(json!({"kid": "k", "alg": "RS256"}))]);
    assert_eq!(finds(&set, Some("k"), Algorithm::Rs256), "key");
    assert_eq!(finds(&set, None, Algorithm::Rs256), "key");
}

#[test]
fn without_kid_the_only_fitting_key_is_meant() {
    let one = set(&[RSA[0].jwk_with(json!({"kid": "a"})), Signer::p256().jwk()]);
    assert_eq!(finds(&one, None, Algorithm::Rs256), "key");
    assert_eq!(finds(&one, None, Algorithm::Es256), "key");
    assert_eq!(finds(&one, None, Algorithm::Es384), "nothing");
    let two = set(&[RSA[0].jwk_with(json!({"kid": "a"})), RSA[1].jwk()]);
    assert_eq!(finds(&two, None, Algorithm::Rs256), "several");
}

#[test]
fn a_key_without_id_never_answers_to_one() {
    let set = set(&[RSA[0].jwk()]);
    assert_eq!(finds(&set, Some(""), Algorithm::Rs256), "nothing");
    assert_eq!(finds(&set, Some("k"), Algorithm::Rs256), "nothing");
}

#[test]
fn a_document_that_is_no_key_set_is_refused() {
    for json in ["{}", r#"{"keys": {}}"#, r#"{"keys": null}"#] {
        assert_eq!(KeySet::parse(json.as_bytes()).unwrap_err(), KeySetError::NoList, "{json}");
    }
    for json in
        ["", "<html>", "[]", r#"{"keys": [], "keys": []}"#, r#"{"keys": [{"kty": "RSA", "kty": "EC"}]}"#]
    {
        assert!(matches!(KeySet::parse(json.as_bytes()), Err(KeySetError::Json(_))), "{json}");
    }
    assert_eq!(KeySet::parse(br#"{"keys": []}"#).unwrap_err(), KeySetError::NoUsableKey { refused: vec![] });
    let many = vec![json!({}); MAX_KEYS + 1];
    assert_eq!(KeySet::parse(jwks(&many).as_bytes()).unwrap_err(), KeySetError::TooManyKeys);
}

#[test]
fn debug_shows_no_key_material() {
    let jwk = RSA[0].jwk_with(json!({"kid": "k"}));
    let shown = format!("{:?}", set(&[jwk]));
    assert!(shown.contains("RS256") && shown.len() < 400, "{shown}");
}

#[test]
fn a_member_that_is_null_is_absent() {
    let nothing = json!({"use": null, "key_ops": null, "alg": null, "kid": null, "d": null, "x5c": null});
    let set = KeySet::parse(json!({"keys": [RSA[0].jwk_with(nothing)]}).to_string().as_bytes()).unwrap();
    assert_eq!((set.count(), set.refused().len()), (1, 0));
    assert_eq!(refusal(RSA[0].jwk_with(json!({"n": null}))), KeyRefusal::Member { name: "n" });
    assert_eq!(refusal(RSA[0].jwk_with(json!({"kty": null}))), KeyRefusal::Member { name: "kty" });
}
