//! The entries of `model_list`, prepared for requests.
//!
//! Input: a model of the configuration. Output: what all requests to its deployment have in common.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, InvalidHeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Deployment, Model, Provider, Routing, VertexPlace, provider_of};
use crate::gateway::upstream::base_url::Base;
use crate::gateway::upstream::credentials::Credentials;
use crate::gateway::upstream::router::health::Health;
use crate::names::ModelName;
use crate::pattern::filled;

/// An entry of `model_list`.
pub(super) struct Entry {
    pub(super) name: ModelName,
    pub(super) deployment: Option<Prepared>,
    /// By the provider that a request names, for an entry whose model is `*`.
    pub(super) by_provider: HashMap<String, Prepared, RandomState>,
    pub(super) routing: Routing,
    /// Shared with the entries of earlier generations that are the same.
    pub(super) health: Arc<Health>,
    /// The position of the entry that an alias stands for.
    pub(super) alias_of: Option<usize>,
    /// How logs and metrics name it: by its id, else by its name and its number among those with this name.
    pub(super) label: String,
}

/// `None`: what the configuration writes is no header, so that nothing can be sent.
pub(super) type Headers = Option<Vec<(HeaderName, HeaderValue)>>;

/// What all requests to a deployment have in common.
pub(super) struct Prepared {
    pub(super) provider: Provider,
    pub(super) model: String,
    pub(super) api_version: Option<String>,
    pub(super) defaults: Vec<(String, String)>,
    pub(super) timeout: Option<Duration>,
    /// Its place in Google Cloud.
    pub(super) vertex: Option<VertexPlace>,
    /// The position of its credential, if that is no fixed header.
    pub(super) credential: Option<usize>,
    /// `None`: it is no address, so that nothing can be sent. Thousands of models may be at the same.
    pub(super) base: Option<Arc<Base>>,
    /// Its headers, with its key in either of the places that its provider may ask for it in.
    pub(super) bearer: Headers,
    pub(super) native: Headers,
}

/// What the deployments of a configuration share: addresses, by their text, and credentials.
pub(super) type Shared<'c> = (HashMap<&'c str, Option<Arc<Base>>, RandomState>, Credentials);

impl Entry {
    /// The entry of a model, without a label if the model has no id. `timeout` is that of deployments without their own.
    pub(super) fn of<'c>(
        model: &'c Model,
        timeout: Option<Duration>,
        shared: &mut Shared<'c>,
        now: Instant,
    ) -> Self {
        let first = model.deployment.as_ref().or_else(|| Some(&model.by_provider.first()?.1));
        let routing = first.map(|deployment| deployment.routing.clone()).unwrap_or_default();
        let mut prepared = |deployment: &'c Deployment| {
            let prepared = Prepared::of(deployment, shared);
            Prepared { timeout: prepared.timeout.or(timeout), ..prepared }
        };
        Self {
            name: model.name.clone(),
            deployment: model.deployment.as_ref().map(&mut prepared),
            by_provider: model.by_provider.iter().map(|(name, one)| (name.clone(), prepared(one))).collect(),
            routing,
            health: Arc::new(Health::new(now)),
            alias_of: None,
            label: model.id.clone().unwrap_or_default(),
        }
    }

    /// The deployments of the entry, with the providers that choose them.
    fn deployments(&self) -> impl Iterator<Item = (Option<&str>, &Prepared)> {
        let by_provider = self.by_provider.iter().map(|(provider, one)| (Some(provider.as_str()), one));
        self.deployment.iter().map(|one| (None, one)).chain(by_provider)
    }

    /// Whether the entry of an earlier generation has the same deployments under the same name.
    pub(super) fn is_same(&self, before: &Self, credentials: (&Credentials, &Credentials)) -> bool {
        let has = |(provider, one): (Option<&str>, &Prepared)| {
            before.deployments().any(|(of, other)| of == provider && one.is_same(other, credentials))
        };
        let count = |entry: &Self| entry.deployments().count();
        self.name == before.name && count(self) == count(before) && self.deployments().all(has)
    }

    /// The deployment for a model. Where the provider that the model names chooses it, also the name without the provider.
    pub(super) fn deployment<'m>(&self, model: &'m ModelName) -> Option<(&Prepared, Option<&'m str>)> {
        if !self.by_provider.is_empty()
            && let Some((provider, name)) = provider_of(model.as_str())
            && let Some(deployment) = self.by_provider.get(provider)
        {
            return Some((deployment, Some(name)));
        }
        Some((self.deployment.as_ref()?, None))
    }

    /// The name of a model at the deployment that [`deployment`](Self::deployment) returned with `without_provider`.
    pub(super) fn name_at_upstream(
        &self,
        model: &ModelName,
        deployment: &Prepared,
        without_provider: Option<&str>,
    ) -> String {
        match without_provider {
            Some(rest) => rest.to_owned(),
            None => filled(&deployment.model, self.name.as_str(), model.as_str()),
        }
    }
}

impl Prepared {
    /// Whether both are one model at one address on one account.
    fn is_same(&self, other: &Self, credentials: (&Credentials, &Credentials)) -> bool {
        let address = |one: &Self| {
            one.base.as_ref().map(|base| (base.scheme.clone(), base.authority.clone(), base.path.clone()))
        };
        self.provider == other.provider
            && (&self.model, &self.api_version, &self.vertex)
                == (&other.model, &other.api_version, &other.vertex)
            && (&self.bearer, &self.native) == (&other.bearer, &other.native)
            && address(self) == address(other)
            && credentials.0.has_same(self.credential, credentials.1, other.credential)
    }

    fn of<'c>(deployment: &'c Deployment, (bases, credentials): &mut Shared<'c>) -> Self {
        let native = match deployment.provider {
            Provider::OpenAi | Provider::Bedrock | Provider::Vertex => AUTHORIZATION,
            Provider::Azure => HeaderName::from_static("api-key"),
            Provider::Anthropic => HeaderName::from_static("x-api-key"),
            Provider::Gemini => HeaderName::from_static("x-goog-api-key"),
        };
        let base = bases
            .entry(deployment.api_base.as_str())
            .or_insert_with(|| Base::of(&deployment.api_base).map(Arc::new));
        Self {
            provider: deployment.provider,
            model: deployment.model.clone(),
            api_version: deployment.api_version.clone(),
            defaults: deployment.defaults.clone(),
            timeout: deployment.timeout,
            vertex: deployment.vertex.clone(),
            credential: deployment.credential.as_ref().map(|credential| credentials.add(credential)),
            base: base.clone(),
            bearer: deployment_headers(deployment, bearer),
            native: deployment_headers(deployment, |key| Ok((native.clone(), secret(key.expose_secret())?))),
        }
    }
}

fn deployment_headers(
    deployment: &Deployment,
    credential: impl Fn(&SecretString) -> Result<(HeaderName, HeaderValue), InvalidHeaderValue>,
) -> Headers {
    let mut headers = deployment.extra_headers.clone();
    if let Some(organization) = &deployment.organization {
        let value = HeaderValue::try_from(organization).ok()?;
        headers.push((HeaderName::from_static("openai-organization"), value));
    }
    if let Some(key) = &deployment.api_key {
        headers.push(credential(key).ok()?);
    }
    Some(headers)
}

/// The header of a key that is a bearer token.
pub(super) fn bearer(key: &SecretString) -> Result<(HeaderName, HeaderValue), InvalidHeaderValue> {
    Ok((AUTHORIZATION, secret(&format!("Bearer {}", key.expose_secret()))?))
}

fn secret(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}
