//! Which deployment serves a request, and at what address.
//!
//! In come a configuration and the calls that were permitted under it. Out go targets: address, credential and the model's
//! name there. `entry` prepares each entry of `model_list`. `routing` chooses among the deployments of a name. `sockets` does the same as this file for WebSockets, whose
//! messages may name models later.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use entry::{Entry, Prepared, bearer};
use foldhash::fast::{FixedState, RandomState};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::{Config, Provider};
use crate::gateway::http::credential::clean_query;
use crate::gateway::http::error_response::Refusal;
use crate::gateway::target::{Defaults, Served, Target, operation};
use crate::gateway::upstream::base_url::join;
use crate::gateway::upstream::credentials::{Credential, Credentials};
use crate::gateway::upstream::proxy::Proxy;
use crate::gateway::upstream::router::attempts::Attempts;
use crate::gateway::upstream::router::rules::Rules;
use crate::names::ModelName;
use crate::pattern::Pattern;
use crate::request::ApiCall;

mod entry;
mod native;
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
    credentials: Credentials,
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

/// A deployment that was chosen for a model.
struct Chosen<'d> {
    served: Served,
    deployment: &'d Prepared,
    /// The model's name there.
    name: String,
}

impl Deployments {
    pub(in crate::gateway) fn new(config: &Config) -> Self {
        let (rules, now) = (Rules::new(config), Instant::now());
        let mut shared = (HashMap::default(), Credentials::default());
        let mut entries: Vec<_> =
            config.models.iter().map(|model| Entry::of(model, rules.timeout, &mut shared, now)).collect();
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
        for (model, list) in config.models.iter().filter_map(|model| Some((model, exact.get(&model.name)?))) {
            let aliased = model.alias_of.as_ref().and_then(|of| exact.get(of));
            for (alias, of) in list.positions.iter().zip(aliased.iter().flat_map(|of| &of.positions)) {
                if let Some(entry) = entries.get_mut(*alias) {
                    entry.alias_of = Some(*of);
                }
            }
        }
        let upstream = Proxy::of(config, bearer);
        let turns = std::array::from_fn(|_| AtomicUsize::default());
        let mut new = Self { entries, exact, wildcards, turns, upstream, credentials: shared.1, rules };
        new.join_aliases();
        new
    }

    /// An alias leads to the deployments of its model, so they have one name and one health.
    fn join_aliases(&mut self) {
        for position in 0..self.entries.len() {
            let aliased = self.entries.get(position).and_then(|entry| self.entries.get(entry.alias_of?));
            let Some((label, health)) = aliased.map(|of| (of.label.clone(), Arc::clone(&of.health))) else {
                continue;
            };
            if let Some(entry) = self.entries.get_mut(position) {
                (entry.label, entry.health) = (label, health);
            }
        }
    }

    /// The same deployments, with the access tokens and the health of those that were known `before`.
    #[must_use]
    pub(in crate::gateway) fn renewed(self, before: &Self) -> Self {
        let mut renewed = Self { credentials: self.credentials.renewed(&before.credentials), ..self };
        let credentials = (&renewed.credentials, &before.credentials);
        let mut taken = HashSet::new();
        for entry in &mut renewed.entries {
            let known =
                before.exact.get(&entry.name).map(|shared| shared.positions.as_slice()).unwrap_or_default();
            let same = known.iter().find_map(|position| {
                let same = before.entries.get(*position).filter(|one| entry.is_same(one, credentials))?;
                taken.insert(*position).then_some(same)
            });
            if let Some(same) = same {
                entry.health = Arc::clone(&same.health);
            }
        }
        renewed.join_aliases();
        renewed
    }

    /// The credential at this position of a target.
    pub(in crate::gateway) fn credential(&self, position: usize) -> Option<&Credential> {
        self.credentials.get(position)
    }

    /// The target of a permitted call, at none of the deployments that were tried. Nothing of the caller's credential is
    /// left in its query.
    pub(in crate::gateway) fn target(
        &self,
        call: &ApiCall,
        query: Option<&str>,
        credential: Option<&[u8]>,
        attempts: &Attempts,
    ) -> Result<Target<'_>, Refusal> {
        let asked = call.model().filter(|_| self.upstream.as_ref().is_none_or(|proxy| !proxy.serves_all));
        let chosen = match asked {
            Some(model) => self.choose(model, attempts.tried(), |deployment| speaks(deployment, call))?,
            None => None,
        };
        if let Some(Chosen { served, deployment, name }) = chosen
            && let Some(target) = at_deployment(deployment, name, call, query, credential)?
        {
            return Ok(Target { served: Some(served), ..target });
        }
        match &self.upstream {
            // A proxy stands in for no deployment that failed.
            Some(proxy) if attempts.is_first() => {
                proxy.check(call)?;
                let query = query.and_then(|query| clean_query(query.into(), credential, false));
                let path = call.route().encoded();
                Ok(Target {
                    uri: join(proxy.base.as_ref(), path.trim_start_matches('/'), query.as_deref())?,
                    model: call.replaced_model().map(ToString::to_string),
                    headers: proxy.headers.as_deref().ok_or(Refusal::NoUpstream)?,
                    timeout: None,
                    provider: None,
                    credential: None,
                    defaults: Defaults::default(),
                    served: None,
                })
            }
            _ => Err(match (asked.and_then(|model| self.provider_of(model)), call.model()) {
                (Some(provider), _) => native::not_spoken(provider),
                (None, Some(model)) if self.is_listed(model) => Refusal::NotServed,
                (None, Some(_)) => Refusal::UnknownModel,
                (None, None) => Refusal::NoUpstream,
            }),
        }
    }

    /// The provider of the first deployment of a model.
    fn provider_of(&self, model: &ModelName) -> Option<Provider> {
        let positions = self.positions(model);
        self.deployed(&positions, model).next().map(|(_, _, deployment)| deployment.provider)
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

/// Whether the deployment's provider has the operation that is asked for, so that [`at_deployment`] finds a target.
fn speaks(deployment: &Prepared, call: &ApiCall) -> bool {
    let operation = operation(call.route().as_str());
    let is_openai = || OPENAI_OPERATIONS.contains(&operation);
    let is_messages = || matches!(operation, "messages" | "messages/count_tokens");
    match deployment.provider {
        Provider::OpenAi | Provider::Azure => is_openai(),
        Provider::Anthropic => is_openai() || is_messages(),
        Provider::Gemini => is_openai() || gemini_verb(call).is_some(),
        Provider::Bedrock => native::bedrock_path(call, "").is_some(),
        Provider::Vertex => {
            let place = deployment.vertex.as_ref();
            place.is_some_and(|place| native::vertex_path(call, place, "").is_some())
        }
    }
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
    let Prepared { base, bearer, native, .. } = deployment;
    let (path, headers) = match deployment.provider {
        Provider::OpenAi if is_openai => (Cow::Borrowed(operation), bearer),
        Provider::Azure if is_openai && !is_path(&model) => return Err(Refusal::UnknownModel),
        Provider::Azure if is_openai => (format!("openai/deployments/{model}/{operation}").into(), native),
        Provider::Anthropic if is_messages => (["v1/", operation].concat().into(), native),
        Provider::Anthropic if is_openai => (["v1/", operation].concat().into(), bearer),
        Provider::Gemini if is_openai => (["v1beta/openai/", operation].concat().into(), bearer),
        Provider::Gemini => match gemini_verb(call) {
            Some(_) if !is_path(&model) => return Err(Refusal::UnknownModel),
            Some((version, verb)) => (format!("{version}/models/{model}:{verb}").into(), native),
            None => return Ok(None),
        },
        // The other characters are escaped in these paths.
        Provider::Bedrock | Provider::Vertex if model.split('/').any(is_dots) => {
            return Err(Refusal::UnknownModel);
        }
        Provider::Bedrock => match native::bedrock_path(call, &model) {
            Some(path) => (path.into(), bearer),
            None => return Ok(None),
        },
        Provider::Vertex => {
            let place = deployment.vertex.as_ref();
            match place.and_then(|place| native::vertex_path(call, place, &model)) {
                Some(path) => (path.into(), bearer),
                None => return Ok(None),
            }
        }
        Provider::OpenAi | Provider::Azure | Provider::Anthropic => return Ok(None),
    };

    let renamed = query.map(|query| renamed_query(call, query, &model));
    let query = renamed.and_then(|query| clean_query(query.into(), credential, true));
    let query = query.as_deref();
    let version = deployment.api_version.as_deref().map(|version| format!("api-version={version}"));
    // Azure alone has versions, and takes no other query.
    let query = version.as_deref().or(query);
    // Other parameters than those of OpenAI's and Anthropic's APIs have other names and places.
    let is_native = matches!(deployment.provider, Provider::Bedrock | Provider::Vertex);
    let defaults = if is_native { &[][..] } else { &deployment.defaults };
    // Google's own paths name the model, so that a body that does not is left alone.
    let rewrites_body = is_openai || is_messages || call.body_model().is_some();
    Ok(Some(Target {
        uri: join(base.as_deref(), &path, query)?,
        model: rewrites_body.then_some(model),
        headers: headers.as_deref().ok_or(Refusal::NoUpstream)?,
        timeout: deployment.timeout,
        provider: Some(deployment.provider),
        credential: deployment.credential,
        defaults: Defaults::new(operation, defaults),
        served: None,
    }))
}

/// Whether a model's name stays itself in the path of a URL. Below a wildcard the caller writes it: `az/gpt/../other` and
/// `az/other/chat/completions?gpt` would name a deployment that nobody decided about.
fn is_path(model: &str) -> bool {
    let is_plain = |segment: &str| {
        !segment.is_empty()
            && !is_dots(segment)
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    model.split('/').all(is_plain)
}

/// Whether a segment of a path leads to itself or to the one above.
fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// The query with the deployment's model in the place of the caller's.
fn renamed_query(call: &ApiCall, query: &str, model: &str) -> String {
    let mut renamed = query.to_owned();
    if let Some(range) = call.query_model() {
        renamed.replace_range(range, &utf8_percent_encode(model, NON_ALPHANUMERIC).to_string());
    }
    renamed
}

/// The version and the verb of Google's native paths, such as `v1beta` and `streamGenerateContent`.
fn gemini_verb(call: &ApiCall) -> Option<(&'static str, &str)> {
    let path = call.route().as_str();
    let of =
        |version| Some((version, path.strip_prefix('/')?.strip_prefix(version)?.strip_prefix("/models/")?));
    let unversioned = || path.strip_prefix("/models/").map(|rest| ("v1beta", rest));
    let (version, rest) = of("v1beta").or_else(|| of("v1")).or_else(|| of("v1alpha")).or_else(unversioned)?;
    let (_, verb) = rest.rsplit_once(':')?;
    verb.chars().all(|c| c.is_ascii_alphabetic()).then_some((version, verb))
}

#[cfg(test)]
mod tests;
