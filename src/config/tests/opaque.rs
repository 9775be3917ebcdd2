//! `oidc_userinfo_*` and `modelgate.introspection`.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::{parse, parse_with, problems, show};
use crate::config::OpaqueTokens;

/// A configuration with these keys of `litellm_jwtauth` on line 3, and of `modelgate` on line 4.
fn with(jwt: &str, modelgate: &str) -> String {
    format!(
        "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {{{jwt}}}\nmodelgate: {{{modelgate}}}\n"
    )
}

fn read(jwt: &str, modelgate: &str) -> Option<OpaqueTokens> {
    parse(&with(jwt, modelgate)).unwrap().jwt.unwrap().tokens.opaque
}

const USERINFO: &str = "oidc_userinfo_enabled: true, oidc_userinfo_endpoint: 'https://a/me?x=1'";
const INTROSPECTION: &str =
    "introspection: {endpoint: 'https://a/introspect', client_id: gate, client_secret: s3}";

#[test]
fn nobody_is_asked_unless_configured() {
    for jwt in ["", "oidc_userinfo_enabled: false", "oidc_userinfo_cache_ttl: 5"] {
        assert!(read(jwt, "").is_none(), "{jwt}");
    }
}

#[test]
fn userinfo_is_read() {
    for (ttl, expected) in
        [("", 300), (", oidc_userinfo_cache_ttl: 20", 20), (", oidc_userinfo_cache_ttl: 0", 0)]
    {
        let Some(OpaqueTokens::Userinfo { endpoint, cache_ttl }) = read(&format!("{USERINFO}{ttl}"), "")
        else {
            panic!("{ttl}")
        };
        assert_eq!((endpoint.as_str(), cache_ttl), ("https://a/me?x=1", Duration::from_secs(expected)));
    }
}

#[test]
fn introspection_is_read_and_its_secret_not_shown() {
    let opaque = read("", INTROSPECTION);
    assert!(!format!("{opaque:?}").contains("s3"));
    let Some(OpaqueTokens::Introspection { endpoint, client_id, client_secret, cache_ttl }) = opaque else {
        panic!("no introspection")
    };
    assert_eq!((endpoint.as_str(), client_id.as_str()), ("https://a/introspect", "gate"));
    assert_eq!((client_secret.expose_secret(), cache_ttl), ("s3", Duration::from_secs(60)));
}

#[test]
fn what_is_wrong_is_said() {
    let needs = "3:21 `oidc_userinfo_enabled` needs `oidc_userinfo_endpoint` | name the provider's userinfo endpoint; \
                 its discovery document has it as `userinfo_endpoint`";
    let both = "4:13 `introspection` and `oidc_userinfo_enabled` exclude each other | only one provider can answer for opaque tokens: keep the introspection, which checks the audience";
    let cases = [
        ("oidc_userinfo_enabled: true", "", needs),
        (USERINFO, INTROSPECTION, both),
        (
            "oidc_userinfo_enabled: true, oidc_userinfo_endpoint: 'file:///me'",
            "",
            "3:74 `oidc_userinfo_endpoint` is not a usable URL: it must begin with `https://` or `http://`",
        ),
        (
            "",
            "introspection: {endpoint: 'https://u:p@a', client_id: x, client_secret: z}",
            "4:39 `endpoint` is not a usable URL: it must not contain a user or a password",
        ),
        ("", "introspection: {endpoint: 'https://a', client_id: x}", "4:28 `client_secret` is missing"),
        (
            "",
            "introspection: {endpoint: 'https://a', client_id: x, client_secret: ''}",
            "4:81 `client_secret` must not be empty",
        ),
        (
            "",
            "introspection: {endpoint: 'https://a', client_id: x, client_secret: z, cache_ttl: -1}",
            "4:95 `cache_ttl` must be from 0 to 86400 seconds",
        ),
    ];
    for (jwt, modelgate, expected) in cases {
        assert_eq!(problems(&with(jwt, modelgate)), [expected], "{jwt} {modelgate}");
    }
}

#[test]
fn what_is_doubtful_is_said() {
    let warnings = |text: &str| -> Vec<_> {
        parse_with(text, &[("JWT_AUDIENCE", "x")]).unwrap().warnings.iter().map(show).collect()
    };
    let any = "3:21 a userinfo endpoint does not say for which application a token was issued | every access token of \
               the provider is accepted; `modelgate.introspection` checks the audience";
    assert_eq!(warnings(&with(USERINFO, "")), [any]);
    assert!(warnings(&with("", INTROSPECTION)).is_empty());
    assert_eq!(
        warnings(&with("oidc_userinfo_endpoint: 'https://a'", "")),
        ["3:21 `oidc_userinfo_endpoint` has no effect without `oidc_userinfo_enabled: true`"]
    );
    assert_eq!(
        warnings(&format!("modelgate: {{{INTROSPECTION}}}\n")),
        ["1:13 `introspection` has no effect without `enable_jwt_auth: true`"]
    );
}
