//! Which deployment serves a request, and at what address.
//!
//! In come a configuration and the calls that were permitted under it. Out go targets: address, credential and the model's
//! name there. `routing` chooses among the deployments of a name. `sockets` does the same as this file for WebSockets, whose
//! messages may name models later.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use foldhash::fast::{FixedState, RandomState};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, InvalidHeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Config, Deployment, Model, Provider, Routing, provider_of};
use crate::gateway::http::credential::clean_query;
use crate::gateway::http::error_response::Refusal;
use crate::gateway::target::{Defaults, Served, Target, operation};
use crate::gateway::upstream::base_url::{Base, join};
use crate::gateway::upstream::proxy::Proxy;
use crate::gateway::upstream::router::health::Health;
use crate::gateway::upstream::router::rules::Rules;
use crate::names::ModelName;
use crate::pattern::{Pattern, filled};
use crate::request::ApiCall;

pub(in crate::gateway) mod routing;
pub(in crate::gateway) mod sockets;

/// What OpenAI-shaped endpoints offer for a model, below their base URL.
const OPENAI_OPERATIONS: [&str; 11] = [
    "chat/completions",
    "completions",
    "embeddings",
    "responses",
    "moderations",
    "images/generations",
    "images/edits",
    "audio/speech",
    "audio/transcriptions",
    "audio/translations",
    "rerank",
];

/// How many counters the names below wildcards share. Two names with one counter are served as evenly together.
const SHARED_TURNS: usize = 64;

/// The deployments of a configuration, to be found by the names of models.
pub(in crate::gateway) struct Deployments {
    entries: Vec<Entry>,
    exact: HashMap<ModelName, Shared, RandomState>,
    /// The longest first.
    wildcards: Vec<(Pattern, usize)>,
    /// Whose turn it is under wildcards, by the hash of the name that was asked for: such names are without number.
    turns: [AtomicUsize; SHARED_TURNS],
    upstream: Option<Proxy>,
    rules: Rules,
}

/// The deployments of one name.
#[derive(Default)]
struct Shared {
    /// Positions among the entries.
    positions: Vec<usize>,
    /// Whose turn it is. Each name has its own, so that names that are asked for in strict turn take all deployments.
    turn: AtomicUsize,
}

struct Entry {
    name: ModelName,
    deployment: Option<Prepared>,
    /// By the provider that a request names, for an entry whose model is `*`.
    by_provider: HashMap<String, Prepared, RandomState>,
    routing: Routing,
    health: Health,
    /// How logs and metrics name it: by its id, else by its name and its number among those with this name.
    label: String,
}

/// A deployment that was chosen for a model.
struct Chosen<'d> {
    served: Served,
    deployment: &'d Prepared,
    /// The model's name there.
    name: String,
    /// Whether it is the only one.
    is_only: bool,
}

/// `None`: what the configuration writes is no header, so that nothing can be sent.
type Headers = Option<Vec<(HeaderName, HeaderValue)>>;

/// What all requests to a deployment have in common.
struct Prepared {
    provider: Provider,
    model: String,
    api_version: Option<String>,
    defaults: Vec<(String, String)>,
    timeout: Option<Duration>,
    /// `None`: it is no address, so that nothing can be sent. Thousands of models may be at the same.
    base: Option<Arc<Base>>,
    /// Its headers, with its key in either of the places that its provider may ask for it in.
    bearer: Headers,
    native: Headers,
}

/// By the address as it is written.
type Bases<'c> = HashMap<&'c str, Option<Arc<Base>>, RandomState>;

impl Deployments {
    pub(in crate::gateway) fn new(config: &Config) -> Self {
        let (mut bases, rules, now) = (HashMap::default(), Rules::new(config), Instant::now());
        let mut entries: Vec<_> =
            config.models.iter().map(|model| Entry::of(model, rules.timeout, &mut bases, now)).collect();
        let mut exact: HashMap<_, Shared, _> = HashMap::default();
        let mut wildcards = Vec::new();
        for (position, entry) in entries.iter_mut().enumerate() {
            let shared = exact.entry(entry.name.clone()).or_default();
            shared.positions.push(position);
            if entry.label.is_empty() {
                entry.label = format!("{}#{}", entry.name, shared.positions.len());
            }
            if entry.name.as_str().contains('*') {
                wildcards.push((Pattern::new(entry.name.as_str()), entry.name.as_str().len(), position));
            }
        }
        wildcards.sort_by_key(|(_, length, _)| std::cmp::Reverse(*length));
        let wildcards = wildcards.into_iter().map(|(pattern, _, position)| (pattern, position)).collect();
        let upstream = Proxy::of(config, bearer);
        let turns = std::array::from_fn(|_| AtomicUsize::default());
        Self { entries, exact, wildcards, turns, upstream, rules }
    }

    /// The target of a permitted call, at none of the deployments that were `tried`. Nothing of the caller's credential is
    /// left in its query.
    pub(in crate::gateway) fn target(
        &self,
        call: &ApiCall,
        query: Option<&str>,
        credential: Option<&[u8]>,
        tried: &[usize],
    ) -> Result<Target<'_>, Refusal> {
        let asked = call.model().filter(|_| self.upstream.as_ref().is_none_or(|proxy| !proxy.serves_all));
        let (mut tried, mut has_deployment) = (Cow::Borrowed(tried), false);
        // The loop repeats only if the provider of one of several deployments does not speak the operation.
        while let Some(model) = asked
            && let Some(Chosen { served, deployment, name, is_only }) = self.choose(model, &tried)?
        {
            has_deployment = true;
            if let Some(target) = at_deployment(deployment, name, call, query, credential)? {
                return Ok(Target { served: Some(served), ..target });
            }
            if is_only {
                break;
            }
            tried.to_mut().push(served.position);
        }
        match &self.upstream {
            Some(proxy) => {
                proxy.check(call)?;
                let query = query.and_then(|query| clean_query(query.into(), credential, false));
                let path = call.route().encoded();
                Ok(Target {
                    uri: join(proxy.base.as_ref(), path.trim_start_matches('/'), query.as_deref())?,
                    model: call.replaced_model().map(ToString::to_string),
                    headers: proxy.headers.as_deref().ok_or(Refusal::NoUpstream)?,
                    timeout: None,
                    provider: None,
                    defaults: Defaults::default(),
                    served: None,
                })
            }
            None => match call.model() {
                Some(_) if has_deployment => Err(Refusal::NoUpstream),
                Some(model) if self.is_listed(model) => Err(Refusal::NotServed),
                Some(_) => Err(Refusal::UnknownModel),
                None => Err(Refusal::NoUpstream),
            },
        }
    }

    /// Whether the configuration has the model, even if nothing serves it.
    fn is_listed(&self, model: &ModelName) -> bool {
        self.exact.contains_key(model) || !self.fitting(model.as_str()).is_empty()
    }

    fn turn_below_wildcards(&self, model: &ModelName) -> Option<&AtomicUsize> {
        let hash = usize::try_from(FixedState::default().hash_one(model) % SHARED_TURNS as u64).ok()?;
        self.turns.get(hash)
    }

    /// The wildcards of the greatest length that fit.
    fn fitting(&self, model: &str) -> Vec<usize> {
        let length = |position: usize| self.entries.get(position).map(|entry| entry.name.as_str().len());
        let mut fitting = self.wildcards.iter().filter(|(pattern, _)| pattern.matches(model)).peekable();
        let longest = fitting.peek().and_then(|(_, position)| length(*position));
        fitting.map(|(_, position)| *position).take_while(|position| length(*position) == longest).collect()
    }
}

impl Entry {
    /// The entry of a model, without a label if the model has no id. `timeout` is that of deployments without their own.
    fn of<'c>(model: &'c Model, timeout: Option<Duration>, bases: &mut Bases<'c>, now: Instant) -> Self {
        let first = model.deployment.as_ref().or_else(|| Some(&model.by_provider.first()?.1));
        let routing = first.map(|deployment| deployment.routing.clone()).unwrap_or_default();
        let mut prepared = |deployment: &'c Deployment| {
            let prepared = Prepared::of(deployment, bases);
            Prepared { timeout: prepared.timeout.or(timeout), ..prepared }
        };
        Self {
            name: model.name.clone(),
            deployment: model.deployment.as_ref().map(&mut prepared),
            by_provider: model.by_provider.iter().map(|(name, one)| (name.clone(), prepared(one))).collect(),
            routing,
            health: Health::new(now),
            label: model.id.clone().unwrap_or_default(),
        }
    }

    /// The deployment for a model. Where the provider that the model names chooses it, also the name without the provider.
    fn deployment<'m>(&self, model: &'m ModelName) -> Option<(&Prepared, Option<&'m str>)> {
        if !self.by_provider.is_empty()
            && let Some((provider, name)) = provider_of(model.as_str())
            && let Some(deployment) = self.by_provider.get(provider)
        {
            return Some((deployment, Some(name)));
        }
        Some((self.deployment.as_ref()?, None))
    }

    /// The name of a model at the deployment that [`deployment`](Self::deployment) returned with `without_provider`.
    fn name_at_upstream(
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
    fn of<'c>(deployment: &'c Deployment, bases: &mut Bases<'c>) -> Self {
        let native = match deployment.provider {
            Provider::OpenAi => AUTHORIZATION,
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

/// `None` when the deployment's provider does not speak the call's operation.
fn at_deployment<'d>(
    deployment: &'d Prepared,
    model: String,
    call: &ApiCall,
    query: Option<&str>,
    credential: Option<&[u8]>,
) -> Result<Option<Target<'d>>, Refusal> {
    // What a configuration writes shall end no field of a form and no line of a head.
    if model.chars().any(char::is_control) {
        return Err(Refusal::NoUpstream);
    }
    let operation = operation(call.route().as_str());
    let is_openai = OPENAI_OPERATIONS.contains(&operation);
    let is_messages = matches!(operation, "messages" | "messages/count_tokens");
    let verb = gemini_verb(call);

    let Prepared { base, bearer, native, .. } = deployment;
    let (path, headers) = match deployment.provider {
        Provider::OpenAi if is_openai => (Cow::Borrowed(operation), bearer),
        Provider::Azure if is_openai => (format!("openai/deployments/{model}/{operation}").into(), native),
        Provider::Anthropic if is_messages => (["v1/", operation].concat().into(), native),
        Provider::Anthropic if is_openai => (["v1/", operation].concat().into(), bearer),
        Provider::Gemini if is_openai => (["v1beta/openai/", operation].concat().into(), bearer),
        Provider::Gemini => match verb {
            Some(verb) => (format!("v1beta/models/{model}:{verb}").into(), native),
            None => return Ok(None),
        },
        Provider::OpenAi | Provider::Azure | Provider::Anthropic => return Ok(None),
    };

    let renamed = query.map(|query| renamed_query(call, query, &model));
    let query = renamed.and_then(|query| clean_query(query.into(), credential, true));
    let query = query.as_deref();
    let version = deployment.api_version.as_deref().map(|version| format!("api-version={version}"));
    // Azure alone has versions, and takes no other query.
    let query = version.as_deref().or(query);
    // Google's own paths name the model, so that a body that does not is left alone.
    let rewrites_body = is_openai || is_messages || call.body_model().is_some();
    Ok(Some(Target {
        uri: join(base.as_deref(), &path, query)?,
        model: rewrites_body.then_some(model),
        headers: headers.as_deref().ok_or(Refusal::NoUpstream)?,
        timeout: deployment.timeout,
        provider: Some(deployment.provider),
        defaults: Defaults::new(operation, &deployment.defaults),
        served: None,
    }))
}

/// The query with the deployment's model in the place of the caller's.
fn renamed_query(call: &ApiCall, query: &str, model: &str) -> String {
    let mut renamed = query.to_owned();
    if let Some(range) = call.query_model() {
        renamed.replace_range(range, &utf8_percent_encode(model, NON_ALPHANUMERIC).to_string());
    }
    renamed
}

/// The verb of Google's native paths, such as `streamGenerateContent`.
fn gemini_verb(call: &ApiCall) -> Option<&str> {
    let path = call.route().as_str();
    let rest = path.strip_prefix("/v1beta/models/").or_else(|| path.strip_prefix("/models/"))?;
    rest.rsplit_once(':').map(|(_, verb)| verb).filter(|verb| verb.chars().all(|c| c.is_ascii_alphabetic()))
}

fn bearer(key: &SecretString) -> Result<(HeaderName, HeaderValue), InvalidHeaderValue> {
    Ok((AUTHORIZATION, secret(&format!("Bearer {}", key.expose_secret()))?))
}

fn secret(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
