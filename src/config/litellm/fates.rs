//! Decides what happens to keys of LiteLLM that modelgate does not implement.
//!
//! A key is ignored if that grants nothing, and refused if the key restricts something, because its operator relies on
//! the restriction. `known_keys` has the keys that need no individual decision.

/// What happens to a key.
#[derive(Clone, Copy)]
pub(in crate::config) enum Fate {
    /// Ignored. Answers stay the same.
    Ignore,
    /// Ignored, but answers differ from LiteLLM's. The reason completes "has no effect here:".
    Warn(&'static str),
    /// Decided elsewhere.
    Read,
    /// Refused, because ignoring it could grant access. The reason is the help of the error.
    Refuse(&'static str),
}

use Fate::{Ignore, Read, Refuse, Warn};

/// The names in the configuration of our plugin for LiteLLM's proxy (`docs/litellm-plugin.md`).
pub(in crate::config) const PLUGIN_AUTH: &str = "modelgate_policy.litellm.custom_auth";
pub(in crate::config) const PLUGIN_HOOKS: &str = "modelgate_policy.litellm.hooks";

/// Keys with the same fate for the same reason.
pub(super) type Rule = (&'static [&'static str], Fate);

pub(super) const TOP: &[Rule] = &[
    (
        &["include"],
        Refuse("what the included files allow and forbid would be missing: put everything into one file"),
    ),
    // `features` decides on their keys one by one.
    (&["litellm_settings", "router_settings", "guardrails", "policies", "policy_attachments"], Read),
    (&["credential_list"], Read),
    (&["mcp_servers", "mcp_tools"], Warn("MCP servers are not served")),
    (&["agent_list", "agents"], Warn("agents are not served")),
    (&["vector_store_registry"], Warn("no vector stores are searched")),
    (&["search_tools", "sandbox_tools"], Warn("their tools are not run")),
    (&["prompts"], Warn("stored prompts are not inserted")),
    (&["pass_through_endpoints"], Warn("these paths are not served")),
    (
        &["assistant_settings", "files_settings", "finetune_settings"],
        Warn("requests go to the model's own deployment"),
    ),
    (&["default_vertex_config"], Warn("each model names its own project and key")),
    (&["callback_settings", "worker_registry"], Ignore),
];

pub(super) const JWT_AUTH: &[Rule] = &[
    // Entries of LiteLLM's database, which does not exist here. An undeclared team stays unknown.
    (&["user_id_upsert", "upsert_sso_user_to_team"], Ignore),
    // Billing. No rule depends on the organization or the end user.
    (&["org_id_jwt_field", "end_user_id_jwt_field"], Ignore),
    // The lifetime of answers that are never requested.
    (&["virtual_key_mapping_cache_ttl"], Ignore),
    (
        &["org_alias_jwt_field", "agent_id_jwt_field", "mcp_client_id_jwt_field"],
        Refuse("LiteLLM refuses tokens whose organization, agent or client it does not know"),
    ),
    (&["public_allowed_routes"], Refuse("no route but the health checks is open without a token")),
    (&["custom_validate"], Refuse("tokens that the function refuses would be accepted")),
    (
        &["jwt_litellm_role_map", "sync_user_role_and_teams"],
        Refuse("roles come from `role_mappings` or `user_allowed_roles`"),
    ),
    (
        &["virtual_key_claim_field", "unregistered_jwt_client_behavior", "auto_register_map_existing_key"],
        Refuse(VIRTUAL_KEYS),
    ),
    (
        &["team_claim_fallback", "fallback_to_db_teams"],
        Refuse("teams come from the token and from the list `teams`"),
    ),
    (
        &["routing_overrides", "id_jag_requesting_apps"],
        Refuse("tokens are verified in one way only, by the keys of their issuer"),
    ),
];

pub(super) const ISSUERS: &[Rule] = &[
    (&["org_id_jwt_field", "end_user_id_jwt_field"], Ignore),
    (&["virtual_key_claim_field", "unregistered_jwt_client_behavior"], Refuse(VIRTUAL_KEYS)),
];

const VIRTUAL_KEYS: &str = "the limits of virtual keys would be missing";

pub(super) const GENERAL: &[Rule] = &[
    (
        &["allowed_routes", "admin_only_routes"],
        Refuse("it closes routes: list the ones that a role may use in `role_permissions`, under `routes`"),
    ),
    (&["allowed_ips"], Refuse("it blocks other addresses: use a firewall")),
    (&["custom_auth"], Refuse("callers that the function refuses would be accepted")),
    (
        &[
            "enforced_params",
            "enforce_user_param",
            "reject_clientside_metadata_tags",
            "allowed_file_extensions",
            "blocked_file_extensions",
        ],
        Refuse("requests that it refuses would be forwarded"),
    ),
    (
        &[
            "agent_access_default_deny",
            "disable_bedrock_agent_runtime_passthrough",
            "mcp_allowed_clients",
            "mcp_disabled_capabilities",
            "mcp_internal_ip_ranges",
            "mcp_require_explicit_server_scope",
            "passthrough_managed_object_ids",
            "require_end_user_mcp_access_defined",
            "require_key_mcp_access_defined",
            "search_tool_deny_by_default",
            "vector_store_deny_by_default",
        ],
        Refuse(
            "what it denies would be allowed: list the routes of each role in `role_permissions`, under \
             `routes`",
        ),
    ),
    (&["public_routes"], Warn("no route but the health checks is open without a token")),
    (
        &["enable_oauth2_auth", "enable_oauth2_proxy_auth", "oauth2_config_mappings"],
        Warn("only tokens identify callers"),
    ),
    (&["litellm_key_header_name"], Warn("tokens are not read from that header")),
    (&["pass_through_endpoints"], Warn("these paths are not served")),
    (&["completion_model"], Warn("the model that a request names is used")),
    (&["max_request_size_mb"], Warn("the limit is `modelgate.max_body_bytes`")),
    (&["missing_session_id"], Warn("no session ids are expected")),
    (
        &["max_parallel_requests", "global_max_parallel_requests"],
        Warn("the limits are in `modelgate.limits`"),
    ),
    (&["return_wildcard_routes"], Warn("lists show wildcards under their own names")),
    (
        &["allowed_client_side_s3_buckets", "allowed_client_side_s3_endpoint_urls"],
        Warn("the provider checks the buckets that a request names"),
    ),
    (&["claude_code_marketplace_auth_required"], Warn("the marketplace is not served")),
];

/// Keys that sound like access rules but restrict nothing here. They are about LiteLLM's database, its admin interface,
/// or credentials of the caller.
pub(in crate::config) const GENERAL_REVIEWED: [&str; 28] = [
    "allow_cli_sso_verification_uri_complete",
    "allow_client_side_credentials",
    "allow_public_health_readiness_details",
    "allow_requests_on_db_unavailable",
    "allow_unmanaged_response_ids",
    "allow_user_auth",
    "custom_auth_run_common_checks",
    "dangerously_permit_weak_or_unset_master_key",
    "disable_adding_master_key_hash_to_db",
    "disable_auto_add_proxy_admin_to_teams",
    "disable_error_logs",
    "disable_key_generate_for_org_admin",
    "disable_requester_ip_address_logging",
    "enforce_fallback_model_access",
    "failed_login_block_seconds",
    "forward_llm_provider_auth_headers",
    "litellm_license",
    "mcp_allow_all_keys_respects_mcp_scope",
    "mcp_client_side_auth_header_name",
    "mcp_required_fields",
    "model_list_healthy_only",
    "password_policy_require_lowercase",
    "password_policy_require_numbers",
    "password_policy_require_special_characters",
    "password_policy_require_uppercase",
    "provider_url_destination_allowed_hosts",
    "ui_access_mode",
    "user_url_allowed_hosts",
];

pub(super) const MODEL_LIST: &[Rule] = &[
    (&["blocked"], Refuse("the model would be open")),
    (&["tpm", "rpm"], Warn("shares of requests are read in `litellm_params`")),
    (&["default_litellm_params"], Warn("write the parameters into `litellm_params`")),
];

pub(super) const LITELLM_PARAMS: &[Rule] = &[
    (&["guardrails", "mock_response"], Read),
    (
        &["fallbacks", "context_window_fallback_dict", "context_window_fallbacks"],
        Warn("other models are tried as `fallbacks` in `router_settings` says"),
    ),
    // `settings::models::router` reads them.
    (&["cooldown_time", "max_retries", "num_retries", "order", "rpm", "tpm", "weight"], Read),
    (
        &["retry_policy", "retry_strategy"],
        Warn("requests are repeated as `num_retries` and `router_settings.retry_policy` say"),
    ),
    (&["allowed_fails"], Warn("deployments cool down as `allowed_fails` in `router_settings` says")),
    (
        &["drop_params", "additional_drop_params", "allowed_openai_params"],
        Warn("parameters are forwarded as they are"),
    ),
    (&["stream_timeout", "request_timeout"], Warn("the limit is `timeout`, else `modelgate.limits`")),
    (&["max_parallel_requests"], Warn("the limits are in `modelgate.limits`")),
    (&["max_budget", "budget_duration"], Warn("no costs are counted")),
    (
        &["litellm_system_prompt", "prompt_id", "initial_prompt_value"],
        Warn("prompts are forwarded as they are"),
    ),
    (&["silent_model"], Warn("no copy of a request is sent")),
    (&["configurable_clientside_auth_params"], Warn("callers cannot bring credentials of their own")),
    (&["allowed_model_region"], Refuse("requests from the European Union would go to other regions")),
    (&["use_chat_completions_api", "headers"], Warn("requests are forwarded as they are")),
    // This describes the kind of model and belongs in `model_info`.
    (&["mode"], Ignore),
    (&["allowed_teams", "allowed_users"], Refuse("list the model in the `models` of those who may use it")),
];

pub(super) const MODEL_INFO: &[Rule] = &[
    (&["blocked", "access_windows"], Refuse("the model would be open")),
    (
        &["team_id", "team_public_model_name"],
        Refuse("other teams could use the model: list it in the `models` of the teams that may use it"),
    ),
    (&["enforce_supported_endpoints"], Warn("the upstream decides which endpoints a model has")),
    (&["discoverable"], Warn("lists show every model that the caller may use")),
];
