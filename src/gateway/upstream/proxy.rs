//! `modelgate.upstream`: the proxy for all requests that no deployment serves.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use http::header::{HeaderName, HeaderValue, InvalidHeaderValue};
use secrecy::SecretString;

use super::base_url::Base;
use crate::config::{Config, PassedMembers, UpstreamModels};
use crate::request::{ApiCall, Malformed};

/// The proxy, and the models that it serves.
pub(super) struct Proxy {
    /// `None` if the address is invalid. Then nothing can be sent.
    pub(super) base: Option<Base>,
    /// `None` if the credential is not a valid header value. Then nothing can be sent.
    pub(super) headers: Option<Vec<(HeaderName, HeaderValue)>>,
    /// Whether it serves every model.
    pub(super) serves_all: bool,
    pass: PassedMembers,
    /// LiteLLM's deployment ids, which a LiteLLM proxy accepts as model names.
    ids: HashSet<String, RandomState>,
}

impl Proxy {
    /// The proxy of a configuration, if it has one. `bearer` builds the header with its credential.
    pub(super) fn of(
        config: &Config,
        bearer: impl Fn(&SecretString) -> Result<(HeaderName, HeaderValue), InvalidHeaderValue>,
    ) -> Option<Self> {
        let upstream = config.gateway.upstream.as_ref()?;
        let credential = upstream.api_key.as_ref().map(&bearer).transpose();
        let is_name = |id: &String| config.models.iter().any(|model| model.name.as_str() == id);
        let ids = config.models.iter().filter_map(|model| model.id.clone());
        Some(Self {
            base: Base::of(&upstream.api_base),
            headers: credential.ok().map(|header| header.into_iter().collect()),
            serves_all: upstream.serves == UpstreamModels::All,
            pass: upstream.pass.clone(),
            ids: ids.filter(|id| !is_name(id)).collect(),
        })
    }

    /// Refuses requests that select a deployment in a way that rules about names do not cover.
    pub(super) fn check(&self, call: &ApiCall) -> Result<(), Malformed> {
        if !self.ids.is_empty() && call.models().any(|model| self.ids.contains(model.as_str())) {
            return Err(Malformed::DeploymentId);
        }
        match call.litellm_members().find(|member| !self.pass.allows(member)) {
            Some(member) => Err(Malformed::LiteLlmMember(member.into())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;
    use crate::request::{RequestParts, classify};

    const CONFIG: &str = "
model_list:
  - {model_name: m, litellm_params: {model: other/m}, model_info: {id: dep-1}}
  - {model_name: p, litellm_params: {model: other/p}, model_info: {id: 7}}
  - {model_name: q, litellm_params: {model: other/q}, model_info: {id: m}}
modelgate: {upstream: {api_base: 'http://proxy', pass: [tags]}}
";

    fn checked(body: &str) -> Result<(), Malformed> {
        let config = Config::parse("c.yaml", CONFIG, ".".as_ref(), &|_| None).unwrap();
        let (path, headers) = ("/v1/chat/completions", HeaderMap::new());
        let parts = RequestParts {
            method: &Method::POST,
            path,
            query: None,
            headers: &headers,
            body: body.as_bytes(),
        };
        Proxy::of(&config, |_| {
            HeaderValue::try_from("Bearer k").map(|value| (http::header::AUTHORIZATION, value))
        })
        .unwrap()
        .check(&classify(&parts).unwrap())
    }

    #[test]
    fn a_deployment_cannot_be_asked_for_by_its_id() {
        for body in [
            r#"{"model": "dep-1"}"#,
            r#"{"model": "m", "deployment_id": "dep-1"}"#,
            r#"{"model": "m", "models": ["7"]}"#,
        ] {
            assert_eq!(checked(body), Err(Malformed::DeploymentId), "{body}");
        }
        assert_eq!(checked(r#"{"model": "m"}"#), Ok(()));
    }

    #[test]
    fn every_member_that_only_litellm_has_must_be_let_through() {
        assert_eq!(checked(r#"{"model": "m", "tags": []}"#), Ok(()));
        let refused = Err(Malformed::LiteLlmMember("cache".into()));
        assert_eq!(checked(r#"{"model": "m", "tags": [], "cache": {}}"#), refused);
    }
}
