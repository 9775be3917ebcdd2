//! Reports differences that were not compared, one sentence each.

use std::collections::BTreeSet;
use std::fmt::Debug;

use super::side::Side;
use super::universe::Universe;
use crate::config::{ClaimFields, Issuer, JwtAuth, TokenRules};
use crate::names::ClaimPath;

pub(super) fn of(universe: &Universe, old: &Side, new: &Side) -> Vec<String> {
    let mut unseen = Vec::new();
    if universe.is_partial {
        unseen.push(partial(universe));
    }
    if let (Some(old), Some(new)) = (&old.config.jwt, &new.config.jwt) {
        unseen.extend(claims(old, new));
        unseen.extend(tokens(&old.tokens, &new.tokens));
    }
    let files = |side: &Side| -> Vec<String> {
        let files = side.dropins.entities.iter().chain(&side.dropins.schemas);
        files.map(|file| file.text.to_string()).collect()
    };
    if files(old) != files(new) {
        unseen.push(
            "entity files or schemas differ: roles, teams, models and routes in them are compared, other \
             attributes are not"
                .to_owned(),
        );
    }
    let texts = |side: &Side| -> Vec<String> {
        side.dropins.files().iter().map(|(_, text)| text.to_string()).collect()
    };
    let has_own = !old.own_actions().is_empty() || !new.own_actions().is_empty();
    if has_own && texts(old) != texts(new) {
        unseen.push(
            "questions of AuthZEN about resources that schemas declare: only requests of LLM APIs are compared"
                .to_owned(),
        );
    }
    unseen
}

fn partial(universe: &Universe) -> String {
    let mut limits = Vec::new();
    limits.extend(universe.roles_at_once.map(|most| format!("more than {most} roles")));
    limits.extend(
        universe.limit.map(|most| format!("more than {most} roles, teams, scopes and the like together")),
    );
    format!("tokens with {}: all combinations are too many", limits.join(", and with "))
}

/// Reports claims with a different path.
fn claims(old: &JwtAuth, new: &JwtAuth) -> Vec<String> {
    let mut moved = Vec::new();
    let mut compare = |key: &str, old: &dyn Debug, new: &dyn Debug| {
        if format!("{old:?}") != format!("{new:?}") {
            moved.push(format!("`{key}` differs: the comparison assumes that the tokens change with it"));
        }
    };
    compare("admin_jwt_scope", &old.admin_jwt_scope, &new.admin_jwt_scope);
    for ((key, old), (_, new)) in fields(old).into_iter().zip(fields(new)) {
        compare(key, &old.map(ClaimPath::as_str), &new.map(ClaimPath::as_str));
    }
    // Each side may list its own issuers, with their own settings for reading tokens.
    let both = old.tokens.issuers.iter().filter(|entry| new.tokens.entry(&entry.issuer).is_some());
    for issuer in both.map(|entry| entry.issuer.as_str()) {
        let read = |jwt: &JwtAuth| {
            let ClaimFields { team_id, team_ids, user_id, user_email } = jwt.claim_fields(Some(issuer));
            format!("{team_id:?} {team_ids:?} {user_id:?} {user_email:?}")
        };
        compare(&format!("issuers: {issuer}"), &read(old), &read(new));
    }
    moved
}

/// The claims that both sides read from every token.
fn fields(jwt: &JwtAuth) -> [(&'static str, Option<&ClaimPath>); 8] {
    [
        ("team_id_jwt_field", jwt.team_id_jwt_field.as_ref()),
        ("team_ids_jwt_field", jwt.team_ids_jwt_field.as_ref()),
        ("team_alias_jwt_field", jwt.team_alias_jwt_field.as_ref()),
        ("user_id_jwt_field", jwt.user_id_jwt_field.as_ref()),
        ("user_email_jwt_field", jwt.user_email_jwt_field.as_ref()),
        ("user_roles_jwt_field", jwt.user_roles_jwt_field.as_ref()),
        ("roles_jwt_field", jwt.roles_jwt_field.as_ref()),
        ("object_id_jwt_field", jwt.object_id_jwt_field.as_ref()),
    ]
}

/// Reports differences in which tokens are valid. The pattern names every setting, so a new setting does not
/// compile until it is handled here.
fn tokens(old: &TokenRules, new: &TokenRules) -> Vec<String> {
    let TokenRules {
        key_urls,
        audience,
        issuer,
        issuers,
        opaque,
        leeway,
        early_leeway,
        // The lifetime of keys does not affect which issuers are accepted.
        public_key_ttl: _,
        public_key_stale_ttl: _,
        public_key_cooldown: _,
    } = old;
    let entries = |issuers: &[Issuer]| {
        let entry = |entry: &Issuer| format!("{} {} {:?}", entry.issuer, entry.key_url, entry.audience);
        issuers.iter().map(entry).collect::<BTreeSet<_>>()
    };
    let differing = [
        ("JWT_AUDIENCE", *audience != new.audience),
        ("JWT_ISSUER", *issuer != new.issuer),
        ("JWT_PUBLIC_KEY_URL", *key_urls != new.key_urls),
        ("issuers", entries(issuers) != entries(&new.issuers)),
        ("the provider of opaque tokens", format!("{opaque:?}") != format!("{:?}", new.opaque)),
        ("leeway", (*leeway, *early_leeway) != (new.leeway, new.early_leeway)),
    ];
    let differing: Vec<&str> =
        differing.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect();
    if differing.is_empty() {
        return Vec::new();
    }
    vec![format!("which tokens are valid: {} differs", differing.join(", "))]
}
