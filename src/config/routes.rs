//! Routes as lists of the configuration name them.

use super::RoutePattern;
use super::context::Context;
use super::problem::{Caution, Problem};
use super::suggest::{list, nearest};

/// The names of LiteLLM's groups of routes.
const GROUPS: [&str; 34] = [
    "admin_viewer_routes",
    "agent_inference_routes",
    "agent_management_routes",
    "agent_routes",
    "anthropic_routes",
    "apply_guardrail_routes",
    "compliance_check_routes",
    "global_spend_tracking_routes",
    "google_routes",
    "info_routes",
    "internal_user_routes",
    "internal_user_view_only_routes",
    "key_management_routes",
    "litellm_native_routes",
    "llm_api_routes",
    "llm_api_routes_without_mcp",
    "management_routes",
    "mapped_pass_through_routes",
    "master_key_only_routes",
    "mcp_inference_routes",
    "mcp_management_routes",
    "mcp_routes",
    "model_info_routes",
    "openai_route_names",
    "openai_routes",
    "org_admin_allowed_routes",
    "org_admin_only_routes",
    "passthrough_routes_wildcard",
    "public_routes",
    "self_managed_routes",
    "spend_tracking_routes",
    "team_service_account_key_routes",
    "trace_telemetry_routes",
    "ui_routes",
];

/// LiteLLM's `admin_allowed_routes` unless set (R5).
pub(super) fn admin_default() -> Vec<RoutePattern> {
    ["management_routes", "spend_tracking_routes", "global_spend_tracking_routes", "info_routes"]
        .map(|group| RoutePattern::Group(group.to_owned()))
        .into()
}

/// The list at `path`.
pub(super) fn patterns(cx: &mut Context, path: &str, routes: Vec<String>) -> Vec<RoutePattern> {
    routes.into_iter().enumerate().map(|(i, route)| pattern(cx, &format!("{path}[{i}]"), route)).collect()
}

fn pattern(cx: &mut Context, path: &str, route: String) -> RoutePattern {
    if GROUPS.contains(&route.as_str()) {
        return RoutePattern::Group(route);
    }
    if !route.starts_with('/') && route != "*" {
        let near = nearest(&route, GROUPS);
        if near.is_some() || route.ends_with("_routes") {
            let help = near.map_or_else(
                || format!("the groups are {}", list(&GROUPS)),
                |near| format!("did you mean `{near}`?"),
            );
            cx.refuse(path, Problem::UnknownRouteGroup { route: route.clone(), help });
        } else {
            cx.warn(path, Caution::DeadRoute { route: route.clone() });
        }
    }
    match route.strip_suffix('*') {
        Some(prefix) => RoutePattern::Prefix(prefix.to_owned()),
        None => RoutePattern::Exact(route),
    }
}
