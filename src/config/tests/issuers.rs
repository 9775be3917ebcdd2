//! `litellm_jwtauth.issuers`.

use serde_json::json;

use super::{ignored, parse, parse_with, problems, show};
use crate::config::Config;

/// A configuration with these entries, from line 4.
fn with(entries: &str) -> String {
    format!(
        "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {{user_id_jwt_field: sub, team_id_jwt_field: team, issuers: [\n{entries}]}}\n"
    )
}

fn read(entries: &str) -> Config {
    parse(&with(entries)).unwrap()
}

#[test]
fn an_issuer_has_keys_and_audience_of_its_own() {
    let config = read(
        "{issuer: 'https://a/realms/x', audience: api},\n\
         {issuer: b, jwks_url: 'file:///b.json', audience: [one, two]},\n\
         {issuer: 'https://c/', disable_audience_validation: true, org_id_jwt_field: org}",
    );
    assert_eq!(config.lines.get("general_settings.litellm_jwtauth.issuers[1].audience"), Some(5));
    assert_eq!(ignored(&config), ["issuers.org_id_jwt_field"]);
    let shown: Vec<_> = config
        .jwt
        .as_ref()
        .unwrap()
        .tokens
        .issuers
        .iter()
        .map(|entry| (entry.issuer.as_str(), entry.key_url.as_str(), entry.audience.as_deref()))
        .collect();
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let expected = [
        ("https://a/realms/x", "https://a/realms/x/.well-known/openid-configuration", Some(list(&["api"]))),
        ("b", "file:///b.json", Some(list(&["one", "two"]))),
        ("https://c/", "https://c/.well-known/openid-configuration", None),
    ];
    let expected: Vec<_> = expected.iter().map(|(i, url, aud)| (*i, *url, aud.as_deref())).collect();
    assert_eq!(shown, expected);
}

#[test]
fn an_entrys_claim_fields_go_before_the_blocks() {
    let config = read(
        "{issuer: 'https://a', audience: x, user_id_jwt_field: oid, team_ids_jwt_field: groups},\n\
         {issuer: 'https://b', audience: x, user_email_jwt_field: mail, team_id_jwt_field: tid}",
    );
    let jwt = config.jwt.unwrap();
    let claims = json!({"sub": "S", "oid": "O", "mail": "M", "team": "T", "tid": "I", "groups": "G"});
    let fields = |issuer: Option<&str>| {
        let fields = jwt.claim_fields(issuer);
        [fields.user_id, fields.user_email, fields.team_id, fields.team_ids]
            .map(|path| path.and_then(|path| path.find(claims.as_object().unwrap())?.as_str()).unwrap_or("-"))
            .concat()
    };
    assert_eq!(fields(Some("https://a")), "O-TG");
    assert_eq!(fields(Some("https://b")), "SMI-");
    for unlisted in [None, Some("https://c"), Some("https://a/")] {
        assert_eq!(fields(unlisted), "S-T-", "{unlisted:?}");
    }
}

/// (fact, entries, `line:column message | help`)
const CASES: &[(&str, &str, &str)] = &[
    ("no entry", "", "3:79 `issuers` must not be empty"),
    ("no issuer", "{audience: x}", "4:1 `issuer` is missing"),
    (
        "an empty issuer",
        "{issuer: '', jwks_url: 'https://a', audience: x}",
        "4:10 `issuer` must not be empty",
    ),
    (
        "an issuer twice",
        "{issuer: 'https://a', audience: x},\n{issuer: 'https://a', audience: z}",
        "5:10 issuer `https://a` is listed twice, first on line 4",
    ),
    (
        "no place for keys",
        "{issuer: my-company, audience: x}",
        "4:10 `issuer` is not a usable URL: relative URL without a base; without `jwks_url`, the keys are fetched from there",
    ),
    (
        "keys at a place that is none",
        "{issuer: a, jwks_url: 'ftp://a', audience: x}",
        "4:23 `jwks_url` is not a usable URL: it must begin with `https:`, `http:` or `file:`",
    ),
    (
        "no word on the audience",
        "{issuer: 'https://a'}",
        "4:2 `issuer` needs `audience` | without it, tokens that the issuer issued for any application are accepted; write `disable_audience_validation: true` if you want this",
    ),
    (
        "an audience that is not to be checked",
        "{issuer: 'https://a', audience: x, disable_audience_validation: true}",
        "4:23 `audience` and `disable_audience_validation` exclude each other | keep one of them: the audience is \
         checked or it is not",
    ),
    ("an empty audience", "{issuer: 'https://a', audience: ''}", "4:33 `audience` must not be empty"),
    (
        "an empty list of audiences",
        "{issuer: 'https://a', audience: []}",
        "4:33 `audience` must not be empty",
    ),
    (
        "an audience of another type",
        "{issuer: 'https://a', audience: true}",
        "4:33 expected a string or a list, found a boolean",
    ),
    (
        "a bad claim path",
        "{issuer: 'https://a', audience: x, user_id_jwt_field: a..b}",
        "4:55 `a..b` is not a claim path | separate the names on the path to the claim with dots; write `\\.` for a dot in a name",
    ),
    (
        "virtual keys",
        "{issuer: 'https://a', audience: x, virtual_key_claim_field: sub}",
        "4:36 `virtual_key_claim_field` is not implemented by modelgate | the limits of virtual keys would be missing",
    ),
    (
        "a misspelt key",
        "{issuer: 'https://a', audience: x, jwks_uri: 'https://a'}",
        "4:36 unknown key `jwks_uri` in `issuers` | did you mean `jwks_url`?",
    ),
];

#[test]
fn what_is_wrong_with_an_entry_is_said() {
    for (fact, entries, expected) in CASES {
        assert_eq!(problems(&with(entries)), [*expected], "{fact}");
    }
}

#[test]
fn the_global_keys_have_no_effect_unless_their_issuer_is_named() {
    let text = with("{issuer: 'https://a', audience: x}") + "\nteams: [{team_id: a}]\n";
    let warnings = |variables: &[(&str, &str)]| -> Vec<_> {
        parse_with(&text, variables).unwrap().warnings.iter().map(show).collect()
    };
    let keys = ("JWT_PUBLIC_KEY_URL", "https://g/keys");
    assert_eq!(warnings(&[keys]), ["3:70 `JWT_PUBLIC_KEY_URL` has no effect without `JWT_ISSUER`"]);
    assert!(warnings(&[]).is_empty());
    assert!(warnings(&[keys, ("JWT_ISSUER", "https://g")]).is_empty());
}
