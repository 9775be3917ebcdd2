//! Shows the unverified claims of a refused token, and suggests a fix.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::authn::TokenError;

/// The claims about the issuer and audience of a token. They are not verified.
pub(super) struct Presented {
    pub(super) issuer: Option<Value>,
    pub(super) audience: Option<Value>,
}

impl Presented {
    /// `None` if the token is not a JWT.
    pub(super) fn of(token: &str) -> Option<Self> {
        let mut claims = payload(token)?;
        Some(Self { issuer: claims.remove("iss"), audience: claims.remove("aud") })
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"iss": self.issuer, "aud": self.audience})
    }
}

fn payload(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
    parts.next().is_none().then(|| serde_json::from_slice(&json).ok()).flatten()
}

/// The prefix of LiteLLM's virtual keys.
const VIRTUAL_KEY: &str = "sk-";

/// What to change so that the token is accepted.
pub(super) fn fix(error: &TokenError, token: &str) -> String {
    let said = |claim: fn(Presented) -> Option<Value>| {
        Presented::of(token).and_then(claim).map_or("none".to_owned(), |value| value.to_string())
    };
    match error {
        TokenError::Shape if token.starts_with(VIRTUAL_KEY) => {
            "virtual keys of LiteLLM are not accepted here: send a JWT of the identity provider as \
             `Authorization: Bearer`, or the master key"
                .to_owned()
        }
        TokenError::Shape => "send a JWT of the identity provider; for tokens that are not JWTs, set \
                              `modelgate.introspection` or `oidc_userinfo_enabled`"
            .to_owned(),
        TokenError::Audience { expected } => format!(
            "the token's `aud` is {}: ask the identity provider for a token with the audience \
             `{expected}`, or set JWT_AUDIENCE or the issuer's `audience` to the token's",
            said(|token| token.audience)
        ),
        TokenError::Issuer { expected } => format!(
            "the token's `iss` is {}: send a token of `{expected}`, or set JWT_ISSUER to the token's",
            said(|token| token.issuer)
        ),
        TokenError::UnknownIssuer => format!(
            "the token's `iss` is {}: send a token of a listed issuer, or add it to `litellm_jwtauth.issuers`",
            said(|token| token.issuer)
        ),
        TokenError::Expired => "get a new token from the identity provider".to_owned(),
        TokenError::NotYetValid { .. } => {
            "wait, or synchronize the clocks; `modelgate.leeway` allows for a difference".to_owned()
        }
        TokenError::UnknownKey { .. } | TokenError::Signature | TokenError::AmbiguousKey => format!(
            "make sure that JWT_PUBLIC_KEY_URL or `litellm_jwtauth.issuers` has the keys of the token's \
             issuer: the token's `iss` is {}",
            said(|token| token.issuer)
        ),
        TokenError::NotAccepted => {
            "get a new token: the provider says that this one is not active".to_owned()
        }
        _ => "get a token from the identity provider that the configuration trusts, and send it unchanged"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_token_says_of_itself_is_read_without_its_signature() {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"iss":"https://i","aud":["a","b"]}"#));
        let told = Presented::of(&token).map(|presented| presented.to_json());
        assert_eq!(told, Some(json!({"iss": "https://i", "aud": ["a", "b"]})));
        assert!(Presented::of("sk-1234").is_none() && Presented::of("a.b.c.d").is_none());
    }

    #[test]
    fn a_wrong_audience_is_told_with_what_came() {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"aud":"other"}"#));
        let fix = fix(&TokenError::Audience { expected: "gate".to_owned() }, &token);
        assert!(fix.contains("`aud` is \"other\"") && fix.contains("audience `gate`"), "{fix}");
    }

    #[test]
    fn a_virtual_key_is_told_that_it_is_none_of_ours() {
        assert!(fix(&TokenError::Shape, "sk-abc").contains("virtual keys of LiteLLM are not accepted"));
        assert!(fix(&TokenError::Shape, "opaque").contains("introspection"));
    }
}
