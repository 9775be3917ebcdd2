//! Route lists of the configuration.

use super::context::Context;
use crate::config::problem::{Caution, Problem};
use crate::config::suggest::{list, nearest};
use crate::routes::RoutePattern;
use crate::routes::{group_names, is_group};

/// The default of LiteLLM's `admin_allowed_routes` (R5).
pub(super) fn admin_default() -> Vec<RoutePattern> {
    ["management_routes", "spend_tracking_routes", "global_spend_tracking_routes", "info_routes"]
        .map(|group| RoutePattern::Group(group.to_owned()))
        .into()
}

/// The list at `path`.
pub(in crate::config) fn patterns(
    cx: &mut Context<'_>,
    path: &str,
    routes: Vec<String>,
) -> Vec<RoutePattern> {
    routes.into_iter().enumerate().map(|(i, route)| pattern(cx, &format!("{path}[{i}]"), route)).collect()
}

fn pattern(cx: &mut Context<'_>, path: &str, route: String) -> RoutePattern {
    if is_group(&route) {
        return RoutePattern::Group(route);
    }
    if !route.starts_with('/') && route != "*" {
        let near = nearest(&route, group_names());
        if near.is_some() || route.ends_with("_routes") {
            let help = near.map_or_else(
                || format!("the groups are {}", list(&group_names().collect::<Vec<_>>())),
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
