//! How to choose among deployments, and what to try when one fails.

use std::time::Duration;

use crate::names::ModelName;

/// The settings of the router. The gateway applies LiteLLM's defaults to what is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RouterSettings {
    /// What is tried when a model fails.
    pub fallbacks: Vec<Fallback>,
    /// What is tried instead of those when a prompt is too long for a model.
    pub context_window_fallbacks: Vec<Fallback>,
    /// What is tried instead of those when a provider's content policy refuses a prompt.
    pub content_policy_fallbacks: Vec<Fallback>,
    /// What is tried for models without fallbacks of their own.
    pub default_fallbacks: Vec<ModelName>,
    /// How many fallbacks are tried at most.
    pub max_fallbacks: Option<u32>,
    /// How often a request is repeated.
    pub num_retries: Option<u32>,
    /// The same by the kind of the last failure.
    pub retry_policy: FailurePolicy,
    /// The same for single models.
    pub model_group_retry_policy: Vec<(ModelName, FailurePolicy)>,
    /// How many failures in a minute a deployment may have before it cools down.
    pub allowed_fails: Option<u32>,
    /// The same by the kind of the last failure.
    pub allowed_fails_policy: FailurePolicy,
    /// How long a deployment cools down.
    pub cooldown_time: Option<Duration>,
    /// Whether failures cool no deployment down.
    pub disable_cooldowns: bool,
    /// The shortest wait before a request is repeated.
    pub retry_after: Option<Duration>,
    /// How long the beginning of an answer may take, for deployments without their own `timeout`.
    pub timeout: Option<Duration>,
    /// `simple-shuffle`, `least-busy`, …. Every value has the effect of `simple-shuffle`.
    pub routing_strategy: Option<String>,
}

/// Numbers by the kind of a failure. `None` leaves the general number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailurePolicy {
    /// The upstream refuses the deployment's key.
    pub authentication: Option<u32>,
    /// The answer takes too long.
    pub timeout: Option<u32>,
    /// The deployment is at its rate limit.
    pub rate_limit: Option<u32>,
    /// Any other fault of the server.
    pub internal_server: Option<u32>,
}

/// The models that are tried, in order, when another fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// The model that fails; `*` stands for any.
    pub model: ModelName,
    /// What is tried then.
    pub to: Vec<ModelName>,
}

/// What an entry of `model_list` says of its share of the requests.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Routing {
    /// Its share, relative to the others'.
    pub weight: Option<f64>,
    /// Deployments of a lower order are used before those of a higher one.
    pub order: Option<u32>,
    /// Requests a minute. It is the share if no deployment has a weight.
    pub rpm: Option<u64>,
    /// Tokens a minute. It is the share if no deployment has a weight or `rpm`.
    pub tpm: Option<u64>,
    /// How often a request is repeated.
    pub num_retries: Option<u32>,
    /// How long it cools down after failures.
    pub cooldown_time: Option<Duration>,
}
