//! Reports LiteLLM features in `litellm_settings`, `router_settings` and guardrails that this gateway lacks.

use crate::config::effect::Effect;
use crate::config::litellm::fates::PLUGIN_HOOKS;
use crate::config::litellm::finding::Finding;
use crate::config::problem::{Caution, Problem};
use crate::config::settings::context::Context;
use crate::config::settings::models::router::{LITELLM, ROUTER, text};
use crate::config::yaml::tree::{Entry, Node, Span, Value};

/// Keys of `litellm_settings` and `router_settings` that change answers, and the behavior here.
const CHANGES: &[(&[&str], &str)] = &[
    (&["model_fallbacks"], "other models are tried as `fallbacks` and `default_fallbacks` say"),
    (&["num_retries_per_request", "retry"], "requests are repeated as `num_retries` says"),
    (
        &["routing_strategy", "routing_strategy_args", "weights"],
        "the deployments of a model share its requests by `order` and `weight`",
    ),
    (&["stream_timeout"], "the limit is `timeout`, else `modelgate.limits`"),
    (&["drop_params", "modify_params", "add_function_to_prompt"], "parameters are forwarded as they are"),
    (&["cache", "cache_params", "caching", "cache_responses", "caching_groups"], "no answer is kept"),
    (
        &[
            "max_budget",
            "max_user_budget",
            "max_internal_user_budget",
            "max_end_user_budget",
            "provider_budget_config",
            "tag_budget_config",
        ],
        "no costs are counted",
    ),
    (&["default_litellm_params"], "write the parameters into `litellm_params`"),
    (
        &["enable_pre_call_checks", "optional_pre_call_checks", "enable_tag_filtering", "routing_groups"],
        "every deployment of a model serves every request for it",
    ),
    (&["custom_provider_map"], "custom providers are not served"),
    (&["ssl_verify"], "certificates of upstreams are always verified"),
    (&["pre_call_rules", "post_call_rules"], "the functions are not called"),
    (&["use_litellm_proxy"], "write it into `litellm_params`"),
];

/// Keys that are read elsewhere.
const READ: [&str; 20] = [
    "allowed_fails",
    "allowed_fails_policy",
    "callbacks",
    "content_policy_fallbacks",
    "context_window_fallbacks",
    "cooldown_time",
    "default_fallbacks",
    "disable_cooldowns",
    "fallbacks",
    "guardrails",
    "max_fallbacks",
    "max_retries",
    "model_alias_map",
    "model_group_alias",
    "model_group_retry_policy",
    "num_retries",
    "request_timeout",
    "retry_after",
    "retry_policy",
    "timeout",
];

/// Callbacks that check the content of a request and may refuse it.
const MODERATION: [&str; 19] = [
    "aim",
    "aporia",
    "azure_content_safety",
    "banned_keywords",
    "bedrock",
    "blocked_user_check",
    "detect_prompt_injection",
    "google_text_moderation",
    "guardrails_ai",
    "hide_secrets",
    "lakera",
    "lakera_prompt_injection",
    "lasso",
    "llamaguard_moderations",
    "llmguard_moderations",
    "openai_moderations",
    "pangea",
    "pillar",
    "presidio",
];

/// Checks the blocks. `ignored` is `modelgate.ignore`.
pub(in crate::config) fn check(cx: &mut Context<'_>, ignored: &[String]) {
    for block in [LITELLM, ROUTER] {
        for entry in entries(cx.root().get(block)) {
            match entry.key.as_str() {
                key if READ.contains(&key) => {}
                "routing_strategy" if text(&entry.value) == Some("simple-shuffle") => {}
                _ if entry.value.is_null() => {}
                key => {
                    let reason =
                        CHANGES.iter().find(|(keys, _)| keys.contains(&key)).map(|(_, reason)| *reason);
                    note(cx, format!("{block}.{key}"), entry.key_span, reason);
                }
            }
        }
    }
    callbacks(cx);
    let accepted = ignored.iter().any(|name| name == "guardrails");
    for (key, span, what) in guardrails(cx) {
        if accepted {
            note(cx, key, span, Some("no content is checked, as `modelgate.ignore` says"));
        } else {
            cx.problems.push((Problem::Guardrail { what }, Some(span)));
        }
    }
    for entry in guardrails_on_demand(cx) {
        note(
            cx,
            "guardrails".to_owned(),
            entry,
            Some("no content is checked, even where a request asks for it"),
        );
    }
}

/// Refuses unknown names in `modelgate.ignore`.
pub(in crate::config) fn check_ignored(cx: &mut Context<'_>, ignored: &[String]) {
    for (i, name) in ignored.iter().enumerate().filter(|(_, name)| *name != "guardrails") {
        let range = format!("a list of features to ignore: `guardrails`, not `{name}`");
        cx.refuse(&format!("modelgate.ignore[{i}]"), Problem::OutOfRange { key: "ignore".to_owned(), range });
    }
}

fn note(cx: &mut Context<'_>, key: String, span: Span, reason: Option<&'static str>) {
    let effect = if reason.is_some() { Effect::ChangesAnswers } else { Effect::Harmless };
    cx.ignored.push(Finding { key, span, effect, reason: reason.unwrap_or_default() });
}

/// The operator's own functions may refuse requests. Other callbacks only report.
fn callbacks(cx: &mut Context<'_>) {
    let Some(node) =
        cx.root().get(LITELLM).and_then(|block| block.get("callbacks")).filter(|node| !node.is_null())
    else {
        return;
    };
    for name in names(node).filter(|name| !is_moderation(name)) {
        let is_own = name.contains('.') && name != PLUGIN_HOOKS;
        let reason = is_own.then_some("functions of your own are not called");
        note(cx, format!("{LITELLM}.callbacks"), node.span(), reason);
    }
}

fn is_moderation(name: &str) -> bool {
    MODERATION.contains(&name)
}

/// The checks of the content of every request: key, path and name.
fn guardrails(cx: &Context<'_>) -> Vec<(String, Span, String)> {
    let root = cx.root();
    let mut found = Vec::new();
    let mut add = |key: &str, span: Span, what: String| found.push((key.to_owned(), span, what));
    for item in items(root.get("guardrails")).filter(|item| is_default(item)) {
        let name = item.get("guardrail_name").and_then(text).unwrap_or("guardrails");
        add("guardrails", item.span(), name.to_owned());
    }
    // The older form: `litellm_settings: {guardrails: [{name: {callbacks: […], default_on: true}}]}`.
    for item in items(root.get(LITELLM).and_then(|block| block.get("guardrails"))) {
        for entry in entries(Some(item)).iter().filter(|entry| is_on(&entry.value, "default_on")) {
            add("litellm_settings.guardrails", entry.key_span, entry.key.clone());
        }
    }
    if let Some(node) = root.get(LITELLM).and_then(|block| block.get("callbacks")) {
        for name in names(node).filter(|name| is_moderation(name)) {
            add("litellm_settings.callbacks", node.span(), name.to_owned());
        }
    }
    // Policies attach guardrails to teams, keys and models.
    for entry in entries(Some(root)).iter().filter(|entry| entry.key == "policy_attachments") {
        if items(Some(&entry.value)).next().is_some() {
            add("policy_attachments", entry.key_span, "policy_attachments".to_owned());
        }
    }
    for model in items(root.get("model_list")) {
        let of_model = entries(model.get("litellm_params")).iter().find(|entry| entry.key == "guardrails");
        if let Some(entry) = of_model.filter(|entry| names(&entry.value).next().is_some()) {
            add("litellm_params.guardrails", entry.key_span, "guardrails".to_owned());
        }
    }
    found
}

/// Guardrails that only a request can switch on.
fn guardrails_on_demand(cx: &Context<'_>) -> Vec<Span> {
    items(cx.root().get("guardrails")).filter(|item| !is_default(item)).map(Node::span).collect()
}

fn is_default(guardrail: &Node) -> bool {
    guardrail.get("litellm_params").is_some_and(|params| is_on(params, "default_on"))
        || is_on(guardrail, "default_on")
}

/// Whether a key is switched on. An unreadable value counts as on.
fn is_on(node: &Node, key: &str) -> bool {
    node.get(key).is_some_and(|value| {
        !value.is_null() && text(value).is_none_or(|text| !text.eq_ignore_ascii_case("false"))
    })
}

fn entries(node: Option<&Node>) -> &[Entry] {
    match node.map(|node| &node.value) {
        Some(Value::Mapping(entries)) => entries,
        _ => &[],
    }
}

fn items(node: Option<&Node>) -> impl Iterator<Item = &Node> {
    let items: &[Node] = match node.map(|node| &node.value) {
        Some(Value::Sequence(items)) => items,
        _ => &[],
    };
    items.iter()
}

/// A string, or the strings of a list.
fn names(node: &Node) -> impl Iterator<Item = &str> {
    text(node).into_iter().chain(items(Some(node)).filter_map(text))
}

/// Warns about each key that changes answers.
pub(in crate::config) fn warn(cx: &mut Context<'_>) {
    let mut known: Vec<&str> = Vec::new();
    let mut cautions = Vec::new();
    for finding in cx.ignored.iter().filter(|finding| finding.effect == Effect::ChangesAnswers) {
        if !known.contains(&finding.key.as_str()) {
            known.push(&finding.key);
            let caution = Caution::Ignored { key: finding.key.clone(), reason: finding.reason };
            cautions.push((caution, Some(finding.span)));
        }
    }
    cx.warnings.append(&mut cautions);
}
