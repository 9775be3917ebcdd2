//! The caller that a question is about.

use http::HeaderValue;
use serde_json::{Map, Value};

use super::payload::{Entity, PayloadError, object};
use crate::authn::VerifiedClaims;

/// The caller that a question is about.
pub(super) enum Subject {
    /// A credential, which the gateway verifies: the value of `Authorization`.
    Token(HeaderValue),
    /// Claims that the enforcement point has verified.
    Claims(VerifiedClaims),
    /// A subject of another type, about which nothing is known.
    Unknown,
}

impl Subject {
    /// Reads the caller of a question.
    pub(super) fn of(entity: &Entity) -> Result<Self, PayloadError> {
        match entity.kind.as_str() {
            "token" => token(entity).map(Self::Token),
            // API gateways call the user of a token an identity.
            "user" | "identity" => {
                claims(entity).map(|claims| Self::Claims(VerifiedClaims::dangerous_trust(claims)))
            }
            _ => Ok(Self::Unknown),
        }
    }

    pub(super) fn claims(&self) -> Option<&VerifiedClaims> {
        match self {
            Self::Claims(claims) => Some(claims),
            Self::Token(_) | Self::Unknown => None,
        }
    }
}

/// The token: `properties.token`, so that it need not be the id, which enforcement points may log. Else the id.
fn token(entity: &Entity) -> Result<HeaderValue, PayloadError> {
    let (at, token) = match entity.properties.get("token") {
        None | Some(Value::Null) => ("subject.id", entity.id.as_str()),
        Some(token) => ("subject.properties.token", token.as_str().unwrap_or_default()),
    };
    let is_plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let value = is_plain.then(|| HeaderValue::try_from(format!("Bearer {token}")).ok()).flatten();
    let mut value = value.ok_or_else(|| PayloadError::Type { at: at.to_owned(), expected: "a token" })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The claims: `properties.claims`, else all properties. The id is the claim `sub`.
fn claims(entity: &Entity) -> Result<Map<String, Value>, PayloadError> {
    let claims = match entity.properties.get("claims").filter(|claims| !claims.is_null()) {
        Some(claims) => object(claims, "subject.properties.claims")?,
        None => &entity.properties,
    };
    let mut claims = claims.clone();
    match claims.get("sub") {
        Some(sub) if *sub != entity.id => return Err(PayloadError::OtherSubject),
        _ => claims.insert("sub".to_owned(), Value::from(entity.id.as_str())),
    };
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entity(kind: &str, properties: &Value) -> Entity {
        Entity {
            kind: kind.to_owned(),
            id: "ada".to_owned(),
            properties: properties.as_object().unwrap().clone(),
        }
    }

    fn claims_of(properties: &Value) -> Option<Value> {
        let subject = Subject::of(&entity("user", properties)).ok()?;
        Some(Value::Object(subject.claims().unwrap().as_map().clone()))
    }

    #[test]
    fn the_claims_of_a_user_are_its_claims_or_its_properties_and_its_id() {
        assert_eq!(claims_of(&json!({})), Some(json!({"sub": "ada"})));
        assert_eq!(claims_of(&json!({"role": "a"})), Some(json!({"role": "a", "sub": "ada"})));
        let properties = json!({"role": "a", "claims": {"roles": ["b"], "sub": "ada"}});
        assert_eq!(claims_of(&properties), Some(json!({"roles": ["b"], "sub": "ada"})));
    }

    #[test]
    fn an_id_that_is_not_the_subject_of_the_claims_is_refused() {
        for properties in [json!({"sub": "eve"}), json!({"claims": {"sub": "eve"}}), json!({"claims": "x"})] {
            assert_eq!(claims_of(&properties), None, "{properties}");
        }
        assert_eq!(claims_of(&json!({"claims": {"sub": ["ada"]}})), None);
    }

    #[test]
    fn a_token_is_the_property_or_the_id() {
        let value = |properties: Value| match Subject::of(&entity("token", &properties)) {
            Ok(Subject::Token(value)) => Some(value.to_str().unwrap().to_owned()),
            _ => None,
        };
        assert_eq!(value(json!({})).as_deref(), Some("Bearer ada"));
        assert_eq!(value(json!({"token": "a.b.c"})).as_deref(), Some("Bearer a.b.c"));
        for bad in [json!({"token": ""}), json!({"token": 1}), json!({"token": "a b"}), json!({"token": "é"})]
        {
            assert_eq!(value(bad.clone()), None, "{bad}");
        }
    }
}
