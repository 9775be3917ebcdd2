//! Two sets of rules that alternate, and files that are not rules.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::PATIENCE;
use crate::callers::Probe;
use crate::gate::Gate;
use crate::timeline::Timeline;
use crate::upstream::{Manner, Upstreams};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    A,
    B,
}

pub(crate) const BOTH: [Set; 2] = [Set::A, Set::B];

/// Models with a deployment, and their upstreams.
pub(crate) const MODELS: [(&str, Manner); 15] = [
    ("alpha", Manner::Plain),
    ("beta", Manner::Plain),
    ("gamma", Manner::Plain),
    (SPREAD, Manner::Plain),
    (FALLING, Manner::Refusing),
    ("talk", Manner::Talk),
    ("novel", Manner::Novel),
    ("endless", Manner::Endless),
    ("flood", Manner::Flood),
    ("breaking", Manner::Breaking),
    ("stalling", Manner::Stalling),
    ("failing", Manner::Failing),
    ("closing", Manner::Closing),
    ("hanging", Manner::Hanging),
    ("refusing", Manner::Refusing),
];
/// A model with three deployments. Two of them fail each time, so that the router has to find the third one.
pub(crate) const SPREAD: &str = "spread";
/// A model whose only deployment fails each time, and whose fallback is [`OPEN`].
pub(crate) const FALLING: &str = "falling";
/// A model that both sets allow for the first caller.
pub(crate) const OPEN: &str = "gamma";

impl Set {
    pub(crate) fn other(self) -> Self {
        if self == Self::A { Self::B } else { Self::A }
    }

    fn alone(self) -> &'static [Self] {
        if self == Self::A { &[Self::A] } else { &[Self::B] }
    }

    /// The name of a set. Each set sends it upstream as its key.
    pub(crate) fn key(self) -> String {
        format!("key-of-{self:?}")
    }

    fn pick<T>(self, a: T, b: T) -> T {
        if self == Self::A { a } else { b }
    }

    pub(crate) fn config(self, upstreams: &Upstreams) -> Value {
        let deployment = |(name, manner): (&str, Manner)| {
            json!({"model_name": name, "litellm_params": {
                "model": format!("openai/{}", at_upstream(name)), "api_base": upstreams.base(manner), "api_key": self.key()}})
        };
        let mut opened: Vec<&str> = MODELS.iter().map(|(name, _)| *name).chain(["ghost"]).collect();
        let everything = opened.clone();
        let failing = [Manner::Refusing, Manner::Failing].map(|manner| deployment((SPREAD, manner)));
        let deployments: Vec<Value> = MODELS.map(deployment).into_iter().chain(failing).collect();
        opened.retain(|name| *name != self.pick("beta", "alpha"));
        json!({
            "general_settings": {
                "enable_jwt_auth": true,
                "litellm_jwtauth": {
                    "enforce_rbac": true,
                    "user_roles_jwt_field": "roles", "user_allowed_roles": ["basic"],
                    "roles_jwt_field": "roles", "role_mappings": [{"role": "ops", "internal_role": "proxy_admin"}],
                    "team_ids_jwt_field": "groups",
                    "enforce_scope_based_access": true,
                    "scope_mappings": [{"scope": "all", "models": everything},
                        {"scope": "one", "models": [self.pick("alpha", "beta")]}],
                    "public_key_ttl": 1, "public_key_stale_ttl": 86_400,
                },
                "role_permissions": [
                    {"role": "internal_user", "models": opened},
                    {"role": "proxy_admin", "models": [self.pick("alpha", "beta"), "talk"], "routes": ["openai_routes"]},
                ],
            },
            "teams": [
                {"team_id": "red", "models": self.pick(json!(["alpha", "talk", OPEN]), json!(["beta"]))},
                {"team_id": "blue", "models": ["all-proxy-models"], "blocked": self == Self::B},
            ],
            "model_list": deployments,
            "router_settings": {"fallbacks": [{FALLING: [OPEN]}]},
            "modelgate": {
                "public_key_cooldown": 1,
                "max_body_bytes": crate::callers::cards::LARGEST_BODY,
                "decision_log": {"file": "decisions.jsonl", "max_bytes": 4 * 1024 * 1024, "keep": 1, "chain": true},
                "role_permissions": [
                    {"role": "analyst", "models": self.pick(json!(["alpha", "beta", "talk"]), json!(["alpha", "talk"])),
                        "deny_models": self.pick(json!([]), json!(["talk"]))},
                    {"role": "senior", "models": ["novel"], "inherits": ["analyst"]},
                ],
            },
        })
    }
}

/// The name of the model at the upstream.
pub(crate) fn at_upstream(model: &str) -> String {
    format!("up{model}")
}

/// The claims of the callers. Both sets allow [`OPEN`] for the first one.
pub(crate) fn callers() -> Vec<Map<String, Value>> {
    let callers = json!([
        {"sub": "basic", "roles": ["basic"], "scope": "all"},
        {"sub": "ops", "roles": ["ops"], "scope": "all"},
        {"sub": "red", "roles": ["basic"], "groups": ["red"], "scope": "all"},
        {"sub": "blue", "roles": ["basic"], "groups": ["blue"], "scope": "all"},
        {"sub": "both", "roles": ["basic"], "groups": ["blue", "red"], "scope": "all"},
        {"sub": "stranger", "roles": ["basic"], "groups": ["green"], "scope": "all"},
        {"sub": "analyst", "roles": ["analyst"], "scope": "all"},
        {"sub": "senior", "roles": ["senior", "basic"], "scope": "all"},
        {"sub": "narrow", "roles": ["basic"], "scope": "one"},
        {"sub": "admin", "scope": "litellm_proxy_admin all"},
        {"sub": "nobody", "scope": "all"},
    ]);
    serde_json::from_value(callers).unwrap()
}

/// The file of rules, and the set that is known to be active.
pub(crate) struct Rules {
    file: PathBuf,
    /// In the order of [`BOTH`].
    configs: [Value; 2],
    pub(crate) active: Timeline<&'static [Set]>,
}

/// The number of writes.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    pub(crate) good: u64,
    pub(crate) bad: u64,
    /// The longest time from a valid write to a response by the new rules.
    pub(crate) slowest: Duration,
}

impl Rules {
    pub(crate) fn new(directory: &Path, upstreams: &Upstreams) -> Self {
        let configs = BOTH.map(|set| set.config(upstreams));
        let rules =
            Self { file: directory.join("config.yaml"), configs, active: Timeline::new(Set::A.alone()) };
        rules.write(&rules.config(Set::A).to_string());
        rules
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn config(&self, set: Set) -> &Value {
        &self.configs[set as usize]
    }

    fn write(&self, text: &str) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, &self.file).unwrap();
    }

    /// Activates the other set. Every third time, writes an invalid file first.
    pub(crate) async fn change(&self, gate: &Gate, probe: &mut Probe, writes: &mut Writes) {
        let next = self.active.last()[0].other();
        let text = self.config(next).to_string();
        if writes.good % 3 == 2 {
            self.refuse(gate, &text, writes.bad).await;
            writes.bad += 1;
        }
        self.active.push(&BOTH);
        let written = Instant::now();
        self.write(&text);
        match writes.good % 5 {
            3 => gate.signal("-HUP"),
            4 => drop(gate.ask("POST", "/-/reload").await),
            _ => {}
        }
        while probe.set().await != next {
            assert!(written.elapsed() < PATIENCE, "{next:?} is not activated");
        }
        writes.good += 1;
        writes.slowest = writes.slowest.max(written.elapsed());
        self.active.push(next.alone());
    }

    /// Writes an invalid file, and waits until it was refused.
    async fn refuse(&self, gate: &Gate, text: &str, turn: u64) {
        let failures = async || gate.snapshot().await["failures"].as_u64().unwrap();
        let before = failures().await;
        match turn % 3 {
            0 => self.write(&text[..text.len() / 2]),
            1 => self.write(&text.replace("enforce_rbac", "enforce_rback")),
            _ => self.write(&text.replace("[\"basic\"]", "7")),
        }
        let written = Instant::now();
        while failures().await == before {
            assert!(written.elapsed() < PATIENCE, "what is no set of rules is not refused");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
