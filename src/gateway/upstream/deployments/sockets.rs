//! Where WebSockets go, and which other names lead to the same place.

use std::time::Duration;

use http::Uri;
use http::header::{HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::entry::{Entry, Headers, Prepared};
use super::native::not_spoken;
use super::{Chosen, Deployments, join};
use crate::config::Provider;
use crate::gateway::http::credential::clean_query;
use crate::gateway::http::error_response::Refusal;
use crate::gateway::target::{Called, Served};
use crate::gateway::upstream::base_url::Base;
use crate::gateway::upstream::router::attempts::Attempts;
use crate::gateway::upstream::router::outcome::Failure;
use crate::names::ModelName;
use crate::request::ApiCall;

/// The API that a WebSocket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum SocketApi {
    /// OpenAI's realtime API, and others whose handshake names the model in the query.
    Realtime,
    /// OpenAI's Responses API: each message that asks for a response names its model.
    Responses,
    /// OpenAI's live sessions: the first message names the model.
    Live,
    /// Google's Live API: the first message names the model.
    Gemini,
}

/// Where a WebSocket goes.
pub(in crate::gateway) struct SocketTarget {
    pub(in crate::gateway) uri: Uri,
    pub(in crate::gateway) headers: Vec<(HeaderName, HeaderValue)>,
    /// The position of a credential that is no fixed header.
    pub(in crate::gateway) credential: Option<usize>,
    /// `None`: a proxy.
    provider: Option<Provider>,
    pub(in crate::gateway) place: SocketPlace,
    /// The deployment's own limit for the upstream's answer.
    pub(in crate::gateway) timeout: Option<Duration>,
    /// `None`: a proxy.
    pub(in crate::gateway) served: Option<Served>,
}

impl SocketTarget {
    /// The facts about this target for telemetry.
    pub(in crate::gateway) fn called(&self) -> Called<'_> {
        Called { uri: &self.uri, model: self.place.model(), provider: self.provider }
    }
}

/// What makes two names lead to the same deployment: one address, one account and one model.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::gateway) struct SocketPlace {
    address: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    credential: Option<usize>,
    /// The model's name there; `None` at a proxy, which knows models by the names that callers use.
    model: Option<String>,
}

impl SocketPlace {
    fn new(
        base: &Base,
        headers: &[(HeaderName, HeaderValue)],
        credential: Option<usize>,
        model: Option<String>,
    ) -> Self {
        let address = format!("{}://{}{}", base.scheme, base.authority, base.path);
        Self { address, headers: headers.to_vec(), credential, model }
    }

    /// The model's name at the deployment, where it differs from the caller's.
    pub(in crate::gateway) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}

impl Deployments {
    /// The target of a permitted handshake, or of a connection whose first message was permitted.
    pub(in crate::gateway) fn socket(
        &self,
        (api, operation): (SocketApi, &str),
        call: &ApiCall,
        query: Option<&str>,
        credential: Option<&[u8]>,
        attempts: &Attempts,
    ) -> Result<SocketTarget, Refusal> {
        let model = call.model().ok_or(Refusal::NoUpstream)?;
        if self.upstream.as_ref().is_none_or(|proxy| !proxy.serves_all)
            && let Some(Chosen { served, deployment, name }) =
                self.choose(model, attempts.tried(), |deployment| has_api(deployment, api))?
        {
            if let Some(target) = at_deployment(deployment, name, (api, operation), query, credential)? {
                return Ok(SocketTarget { served: Some(served), ..target });
            }
            if self.upstream.is_none() {
                return Err(not_spoken(deployment.provider));
            }
        }
        // A proxy stands in for no deployment that failed.
        let Some(proxy) = self.upstream.as_ref().filter(|_| attempts.is_first()) else {
            return Err(match self.provider_of(model) {
                Some(provider) => not_spoken(provider),
                None if self.is_listed(model) => Refusal::NotServed,
                None => Refusal::UnknownModel,
            });
        };
        proxy.check(call)?;
        let query = query.and_then(|query| clean_query(query.into(), credential, true));
        let path = call.route().encoded();
        let headers = proxy.headers.clone().ok_or(Refusal::NoUpstream)?;
        let base = proxy.base.as_ref().ok_or(Refusal::NoUpstream)?;
        Ok(SocketTarget {
            uri: join(Some(base), path.trim_start_matches('/'), query.as_deref())?,
            place: SocketPlace::new(base, &headers, None, None),
            credential: None,
            provider: None,
            headers,
            timeout: None,
            served: None,
        })
    }

    /// Records that a deployment did not open a WebSocket. Returns after how long another attempt is made, with it or with
    /// another one.
    pub(in crate::gateway) fn socket_failed(
        &self,
        (api, call): (SocketApi, &ApiCall),
        position: usize,
        failure: Failure,
        attempts: &mut Attempts,
    ) -> Option<Duration> {
        let serve = |deployment: &Prepared| has_api(deployment, api);
        self.failed_to_serve(call.model()?, position, failure, attempts, serve)
    }

    /// Checks what a proxy would read past the names in a message.
    pub(in crate::gateway) fn check_message(
        &self,
        place: &SocketPlace,
        call: &ApiCall,
    ) -> Result<(), Refusal> {
        match &self.upstream {
            Some(proxy) if place.model.is_none() => Ok(proxy.check(call)?),
            _ => Ok(()),
        }
    }

    /// Whether the model leads to the same deployment as the connection.
    pub(in crate::gateway) fn leads_to(&self, model: &ModelName, place: &SocketPlace) -> bool {
        self.places(model).any(|other| other == *place)
    }

    /// The name of a model beside the connection's, if the same endpoint serves it on the same account.
    pub(in crate::gateway) fn name_beside(&self, model: &ModelName, place: &SocketPlace) -> Option<String> {
        let is_beside = |other: &SocketPlace| {
            other.address == place.address
                && other.headers == place.headers
                && other.credential == place.credential
        };
        self.places(model).find(is_beside)?.model
    }

    fn places(&self, model: &ModelName) -> impl Iterator<Item = SocketPlace> {
        self.positions(model).into_owned().into_iter().filter_map(move |position| {
            let entry: &Entry = self.entries.get(position)?;
            let (deployment, without_provider) = entry.deployment(model)?;
            let name = entry.name_at_upstream(model, deployment, without_provider);
            Some(SocketPlace::new(
                deployment.base.as_deref()?,
                headers_of(deployment).as_deref()?,
                deployment.credential,
                Some(name),
            ))
        })
    }
}

/// Its headers, with its key where the provider wants it.
fn headers_of(deployment: &Prepared) -> &Headers {
    if deployment.provider == Provider::OpenAi { &deployment.bearer } else { &deployment.native }
}

/// Whether the deployment's provider has the API over WebSockets.
fn has_api(deployment: &Prepared, api: SocketApi) -> bool {
    match deployment.provider {
        Provider::OpenAi | Provider::Azure => api != SocketApi::Gemini,
        Provider::Gemini => api == SocketApi::Gemini,
        Provider::Anthropic | Provider::Bedrock | Provider::Vertex => false,
    }
}

/// `None` when the deployment's provider has no such API.
fn at_deployment(
    deployment: &Prepared,
    model: String,
    (api, operation): (SocketApi, &str),
    query: Option<&str>,
    credential: Option<&[u8]>,
) -> Result<Option<SocketTarget>, Refusal> {
    if model.chars().any(char::is_control) {
        return Err(Refusal::NoUpstream);
    }
    let encoded = utf8_percent_encode(&model, NON_ALPHANUMERIC).to_string();
    let cleaned = query.and_then(|query| clean_query(query.into(), credential, true));
    let is_replaced =
        |pair: &&str| ["model=", "deployment=", "api-version="].iter().any(|name| pair.starts_with(name));
    let kept = cleaned.as_deref().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let kept: Vec<&str> = kept.filter(|pair| !is_replaced(pair)).collect();
    let with = |first: Vec<String>| {
        let pairs: Vec<&str> = first.iter().map(String::as_str).chain(kept.iter().copied()).collect();
        (!pairs.is_empty()).then(|| pairs.join("&"))
    };
    let named = || if api == SocketApi::Realtime { vec![format!("model={encoded}")] } else { Vec::new() };
    let version =
        deployment.api_version.as_deref().filter(|version| !matches!(*version, "preview" | "latest" | "v1"));
    let (path, query) = match (deployment.provider, api) {
        (Provider::OpenAi, SocketApi::Realtime | SocketApi::Responses | SocketApi::Live) => {
            (operation.to_owned(), with(named()))
        }
        (Provider::Azure, SocketApi::Realtime) if version.is_some() => {
            let version = version.unwrap_or_default();
            let pairs = vec![format!("api-version={version}"), format!("deployment={encoded}")];
            (format!("openai/{operation}"), with(pairs))
        }
        (Provider::Azure, SocketApi::Realtime | SocketApi::Responses | SocketApi::Live) => {
            (format!("openai/v1/{operation}"), with(named()))
        }
        (Provider::Gemini, SocketApi::Gemini) => (operation.to_owned(), with(Vec::new())),
        (Provider::OpenAi | Provider::Azure, SocketApi::Gemini)
        | (Provider::Anthropic | Provider::Bedrock | Provider::Vertex, _)
        | (Provider::Gemini, _) => return Ok(None),
    };
    let headers = headers_of(deployment).clone().ok_or(Refusal::NoUpstream)?;
    let base = deployment.base.as_deref().ok_or(Refusal::NoUpstream)?;
    Ok(Some(SocketTarget {
        uri: join(Some(base), &path, query.as_deref())?,
        place: SocketPlace::new(base, &headers, deployment.credential, Some(model)),
        credential: deployment.credential,
        provider: Some(deployment.provider),
        headers,
        timeout: deployment.timeout,
        served: None,
    }))
}
