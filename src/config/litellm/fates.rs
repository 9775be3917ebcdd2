//! Keys of LiteLLM 1.108 that its configuration may have and that are not ours, each with what becomes of it.
//!
//! What could only open more when it is ignored, or cannot touch who may call what, is ignored. What closes something
//! is refused: an operator who relies on it must not find it gone.

/// What becomes of a key.
#[derive(Clone, Copy)]
pub(in crate::config) enum Fate {
    /// Nothing here depends on it.
    Ignore,
    /// Ignoring it opens nothing, but the operator may expect more. The reason completes "has no effect here:".
    Warn(&'static str),
    /// Ignoring it could open something. The reason is the help of the error.
    Refuse(&'static str),
}

use Fate::{Ignore, Refuse, Warn};

/// Several keys with one fate for one reason.
pub(super) type Rule = (&'static [&'static str], Fate);

pub(super) const TOP: &[Rule] = &[(
    &["include"],
    Refuse("what the included files allow and forbid would be missing: put everything into one file"),
)];

pub(super) const JWT_AUTH: &[Rule] = &[
    // Rows of LiteLLM's database; there is none here. A team that is not declared stays unknown.
    (&["user_id_upsert", "team_id_upsert", "upsert_sso_user_to_team"], Ignore),
    // Whom to bill; no rule asks for the organization or the end user.
    (&["org_id_jwt_field", "end_user_id_jwt_field"], Ignore),
    // How long answers are kept that are never asked for.
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
    (&["allowed_ips"], Refuse("it closes the gateway to other addresses: use a firewall")),
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
            "what it closes would be open: list the routes of each role in `role_permissions`, under `routes`",
        ),
    ),
    (&["public_routes"], Warn("no route but the health checks is open without a token")),
    (
        &["enable_oauth2_auth", "enable_oauth2_proxy_auth", "oauth2_config_mappings"],
        Warn("callers are known by their tokens alone"),
    ),
    (&["litellm_key_header_name"], Warn("tokens are not read from that header")),
    (&["pass_through_endpoints"], Warn("these paths are not served")),
    (&["completion_model"], Warn("the model that a request names is used")),
    (&["max_request_size_mb"], Warn("the limit is `modelgate.max_body_bytes`")),
    (&["missing_session_id"], Warn("no session ids are expected")),
];

/// Storage, limits of rate and size, alerts, logs, the admin interface and management of virtual keys: nothing that
/// decides who may use which model here.
pub(super) const GENERAL_IGNORED: &str = "\
    admission_queue_timeout_seconds alert_to_webhook_url alert_type_config alert_types alerting \
    alerting_args alerting_threshold allow_cli_sso_verification_uri_complete \
    allow_client_side_credentials allow_public_health_readiness_details allow_requests_on_db_unavailable \
    allow_unmanaged_response_ids allow_user_auth always_include_stream_usage \
    apply_user_budget_to_team_keys auto_redirect_ui_login_to_sso background_health_check_model_groups \
    background_health_checks cancel_on_disconnect claude_code_gateway_managed_settings control_plane_url \
    coordination_redis custom_auth_run_common_checks custom_key_generate custom_key_policy \
    custom_key_update custom_sso custom_team_metadata_validate custom_ui_sso_sign_in_handler \
    dangerously_permit_weak_or_unset_master_key database_args database_connect_timeout \
    database_connection_pool_limit database_connection_pool_timeout database_connection_timeout \
    database_disable_prepared_statements database_extra_connection_params \
    database_max_idle_connection_lifetime database_socket_timeout database_type database_url \
    default_team_disabled disable_adding_master_key_hash_to_db disable_auto_add_proxy_admin_to_teams \
    disable_batch_input_file_rate_limiting disable_budget_reservation disable_custom_api_keys \
    disable_env_credential_login disable_error_logs disable_fallbacks_on_per_model_rate_limits \
    disable_key_generate_for_org_admin disable_master_key_return disable_model_info_refresh \
    disable_password_login_when_sso_enabled disable_prisma_schema_update \
    disable_requester_ip_address_logging disable_reset_budget disable_responses_id_security \
    disable_retry_on_max_parallel_request_limit_error disable_spend_logs disable_spend_updates \
    drain_endpoint_token enable_claude_code_gateway enable_drain_endpoint enable_health_check_routing \
    enable_mcp_registry enable_openai_websocket_passthrough enable_public_model_hub \
    enforce_fallback_model_access expose_fallback_errors_to_caller fail_closed_budget_enforcement \
    fail_closed_rate_limit_enforcement failed_login_block_seconds failed_login_window_seconds \
    forward_client_headers_to_llm_api forward_llm_provider_auth_headers forward_openai_org_id \
    global_max_parallel_requests health_check_concurrency health_check_details \
    health_check_ignore_transient_errors health_check_interval \
    health_check_skip_disabled_background_models health_check_staleness_threshold \
    hide_default_credentials_hint include_call_id_in_error_body infer_model_from_keys \
    key_management_settings key_management_system litellm_license max_batch_file_records \
    max_batch_file_size_mb max_batch_file_uploads_per_day max_failed_login_attempts_per_source \
    max_failed_login_attempts_per_source_overrides max_file_downloads_per_minute max_file_size_mb \
    max_in_flight_requests_per_worker max_parallel_requests max_queued_requests_per_worker \
    max_response_size_mb maximum_autorouter_session_retention_period \
    maximum_daily_tag_spend_retention_period maximum_health_check_retention_period \
    maximum_spend_logs_cleanup_batch_size maximum_spend_logs_cleanup_batch_timeout \
    maximum_spend_logs_cleanup_cron maximum_spend_logs_cleanup_max_batches \
    maximum_spend_logs_cleanup_run_budget maximum_spend_logs_retention_interval \
    maximum_spend_logs_retention_period mcp_advertised_versions mcp_allow_all_keys_respects_mcp_scope \
    mcp_client_id_header mcp_client_side_auth_header_name mcp_prefer_client_id_metadata_document \
    mcp_required_fields mcp_session_token_signing mcp_trusted_proxy_ranges mcp_xff_num_trusted_hops \
    model_list_healthy_only otel pass_through_request_timeout password_policy_check_breached_passwords \
    password_policy_min_length password_policy_require_lowercase password_policy_require_numbers \
    password_policy_require_special_characters password_policy_require_uppercase plugins \
    provider_url_destination_allowed_hosts proxy_batch_polling_interval proxy_batch_write_at \
    proxy_budget_rescheduler_max_time proxy_budget_rescheduler_min_time \
    proxy_config_reload_interval_seconds responses_websocket_session_limit_seconds scheduled_job_stagger \
    search_tools service_account_settings skip_batch_input_file_rate_limiting_for_models \
    skip_batch_input_file_rate_limiting_for_providers spend_capture_rate_check \
    spend_logs_metadata_fields spend_report_frequency store_model_in_db store_prompts_in_spend_logs \
    supported_db_objects team_metadata_schema team_metadata_validation_error_message \
    team_metadata_validation_timeout token_rate_limit_type track_unmanaged_batch_cost \
    transcribe_media_buckets trusted_proxy_ranges ui_access_mode use_azure_key_vault \
    use_client_credentials_pass_through_routes use_google_kms use_redis_transaction_buffer \
    use_shared_health_check use_spend_logs_partitioning use_team_public_model_name use_x_forwarded_for \
    user_api_key_cache_max_size user_api_key_cache_ttl user_header_mappings user_header_name \
    user_mcp_management_mode user_url_allowed_hosts user_url_validation";

pub(super) const LITELLM_PARAMS: &[Rule] = &[
    (&["litellm_credential_name"], Refuse("write `api_base` and `api_key` here")),
    (&["custom_llm_provider"], Refuse("write the provider into `model`, as in `provider/name`")),
    (&["use_litellm_proxy"], Refuse("name the proxy in `modelgate.upstream`")),
    (&["mock_response"], Refuse("requests would go to a real model")),
];

pub(super) const MODEL_INFO: &[Rule] = &[
    (&["blocked", "access_windows"], Refuse("the model would be open")),
    (
        &["team_id", "team_public_model_name"],
        Refuse(
            "the model would be open to other teams: list it in the `models` of the teams that may use it",
        ),
    ),
];
