//! Claims are accepted exactly when a naive implementation of the RFCs accepts them: claims of a token, of a userinfo
//! endpoint, and of an introspection endpoint.
//!
//! An input has the rules in its first line, as `NOW LEEWAY ISSUER AUDIENCE ENTRY` (`-` means none), and then the
//! claims as JSON. `ENTRY` adds an entry of `issuers` for the issuer `https://a`.

use std::time::{Duration, SystemTime};

use modelgate::config::{Issuer, TokenRules};
use modelgate::gateway::internal;
use serde_json::Value;

use crate::plain;

const MAX_LEN: usize = 4 * 1024;
const ENTRY: (&str, [&str; 2]) = ("https://a", ["gate", "other"]);
const YEAR_10000: f64 = 253_402_300_800.0;

pub(crate) fn check(data: &[u8]) {
    let line = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, body) = (&data[..line], data.get(line + 1..).unwrap_or_default());
    let Ok(line) = std::str::from_utf8(line) else { return };
    if data.len() > MAX_LEN {
        return;
    }
    let mut words = line.split(' ');
    let mut number = || words.next().and_then(|word| word.parse::<u32>().ok()).unwrap_or_default();
    let (now, leeway) = (number(), number() % 301);
    let mut name = || words.next().filter(|word| *word != "-").map(str::to_owned);
    let rules = rules(leeway, name(), name(), name().is_some());
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(now.into());

    let read = plain::read(body).filter(|(read, twice, depth)| read.is_object() && !twice && *depth <= 32);
    let asked = [internal::userinfo(body, &rules, time), internal::introspection(body, &rules, time)];
    let Some((read, _, _)) = read else {
        assert_eq!(asked, [None, None], "it has more than one reading, or none");
        return;
    };
    let claims = read.as_object().cloned().unwrap_or_default();
    let given = Given { claims: &read, rules: &rules, now: now.into(), leeway: leeway.into() };
    let token = internal::check_token(&claims, &rules, time);
    assert_eq!(token.is_ok(), given.token(), "{token:?} {line} {read}");
    let expected = [given.userinfo(), given.introspection()];
    for (claims, expected) in asked.iter().zip(expected) {
        assert_eq!(claims.is_some(), expected, "{line} {read}");
        if let Some(claims) = claims {
            assert_eq!(Some(claims.as_map()), read.as_object(), "the claims are others");
        }
    }
}

fn rules(leeway: u32, issuer: Option<String>, audience: Option<String>, entry: bool) -> TokenRules {
    let entry = entry.then(|| Issuer {
        issuer: ENTRY.0.to_owned(),
        key_url: "https://a/keys".parse().expect("a plain address"),
        audience: Some(ENTRY.1.map(str::to_owned).to_vec()),
        team_id_jwt_field: None,
        team_ids_jwt_field: None,
        user_id_jwt_field: None,
        user_email_jwt_field: None,
    });
    TokenRules {
        key_urls: Vec::new(),
        audience,
        issuer,
        issuers: entry.into_iter().collect(),
        opaque: None,
        leeway: Duration::from_secs(leeway.into()),
        early_leeway: Duration::from_secs(leeway.into()),
        public_key_ttl: Duration::ZERO,
        public_key_stale_ttl: Duration::ZERO,
        public_key_cooldown: Duration::ZERO,
    }
}

struct Given<'g> {
    claims: &'g Value,
    rules: &'g TokenRules,
    now: f64,
    leeway: f64,
}

impl Given<'_> {
    /// The rules of `JWT_ISSUER` and `JWT_AUDIENCE`.
    fn token(&self) -> bool {
        let audience = self.rules.audience.iter().map(String::as_str).collect::<Vec<_>>();
        self.claims.get("exp").is_some()
            && self.is_valid_now()
            && self.rules.issuer.as_deref().is_none_or(|issuer| self.claims["iss"] == issuer)
            && (audience.is_empty() || self.is_for(&audience))
    }

    fn userinfo(&self) -> bool {
        self.claims["sub"].as_str().is_some_and(|subject| !subject.is_empty())
            && self.is_valid_now()
            && self.scoped(|claim| self.claims.get(claim).is_none())
    }

    fn introspection(&self) -> bool {
        let kind = self.claims.get("token_type");
        self.claims["active"] == true
            && kind.is_none_or(|kind| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")))
            && self.is_valid_now()
            && self.scoped(|_| false)
    }

    /// Checks issuer and audience with the entry that the claims select, or else with the global rules. `may_lack`
    /// lists the claims that may be absent.
    fn scoped(&self, may_lack: impl Fn(&str) -> bool) -> bool {
        let issuer = self.claims.get("iss");
        let global = self.rules.audience.iter().map(String::as_str).collect::<Vec<_>>();
        let named = issuer.and_then(Value::as_str);
        let is_global = named.is_some() && named == self.rules.issuer.as_deref();
        let has_entries = !self.rules.issuers.is_empty();
        if has_entries && issuer.is_some_and(|issuer| issuer == ENTRY.0) {
            return may_lack("aud") || self.is_for(&ENTRY.1);
        }
        let known = match issuer {
            Some(_) => is_global || (!has_entries && self.rules.issuer.is_none()),
            None => self.rules.issuer.is_none() || may_lack("iss"),
        };
        known && (global.is_empty() || may_lack("aud") || self.is_for(&global))
    }

    fn is_for(&self, audience: &[&str]) -> bool {
        let named = match &self.claims["aud"] {
            Value::Array(list) => list.clone(),
            one => vec![one.clone()],
        };
        named.iter().all(Value::is_string) && audience.iter().any(|one| named.contains(&Value::from(*one)))
    }

    fn is_valid_now(&self) -> bool {
        let times = ["exp", "nbf", "iat"].map(|claim| self.claims.get(claim));
        let plain = |time: &Value| time.as_f64().is_some_and(|time| (0.0..YEAR_10000).contains(&time));
        let [exp, nbf, iat] = times.map(|time| time.and_then(Value::as_f64));
        times.into_iter().flatten().all(plain)
            && exp.is_none_or(|exp| self.now - self.leeway < exp)
            && [nbf, iat].into_iter().flatten().all(|begin| begin <= self.now + self.leeway)
    }
}
