use std::collections::BTreeSet;

use http::HeaderMap;

use super::*;
use crate::routes::{group_names, is_in_group};

/// A path that matches a template.
fn filled(template: &str) -> String {
    let mut pieces = template.split('{');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |filled, piece| filled + "x" + piece.split_once('}').map_or("", |(_, rest)| rest))
}

fn post(path: &str) -> Option<ModelUse> {
    lookup(&Method::POST, path).map(Route::model_use)
}

#[test]
fn no_row_is_hidden_behind_one_that_answers_otherwise() {
    for route in Index::get().all().filter(|route| route.floor != Floor::Pass) {
        let path = filled(&route.path);
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if !route.methods.contains(Methods::of(&method)) {
                continue;
            }
            let found = lookup(&method, &path).unwrap();
            let classified = |route: &Route| (route.model_use, route.floor == Floor::Closed);
            assert_eq!(
                classified(found),
                classified(route),
                "{method} {} is found as {}",
                route.path,
                found.path
            );
        }
    }
}

#[test]
fn no_route_that_only_litellm_manages_is_open() {
    let recorded: BTreeSet<&str> = group_names().flat_map(crate::routes::groups::members).collect();
    let managed = recorded.into_iter().map(filled).filter(|path| !is_in_group("llm_api_routes", path));
    let open: Vec<_> = managed.filter(|path| path.starts_with('/') && is_sdk_route(path)).collect();
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn every_llm_route_of_litellm_is_in_the_table() {
    let missing: Vec<_> = crate::routes::groups::members("llm_api_routes")
        .filter(|template| !template.contains(['*', '?']))
        .filter(|template| Index::get().first(&filled(template)).is_none())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_method_without_a_row_counts_as_a_post() {
    let found = |method| lookup(&method, "/v1/chat/completions").map(Route::model_use);
    assert_eq!(found(Method::PUT), Some(ModelUse::Named));
    assert_eq!(found("PROPFIND".parse().unwrap()), Some(ModelUse::Named));
    assert_eq!(found(Method::HEAD), Some(ModelUse::None));
}

#[test]
fn the_rest_behind_a_passed_on_prefix_is_looked_up() {
    assert_eq!(post("/anthropic/v1/messages"), Some(ModelUse::Named));
    assert_eq!(post("/backend-api/codex/responses"), Some(ModelUse::Named));
    assert_eq!(post("/azure/openai/deployments/d/chat/completions"), Some(ModelUse::Named));
    assert_eq!(post("/openrouter/api/v1/chat/completions"), Some(ModelUse::Named));
    assert_eq!(post("/openai/threads/t/runs"), Some(ModelUse::Reference));
    assert_eq!(post("/fal_ai/some/app"), Some(ModelUse::Default));
    assert_eq!(lookup(&Method::GET, "/fal_ai/some/app").map(Route::model_use), Some(ModelUse::None));
}

#[test]
fn an_open_verb_of_google_opens_no_other_model_path() {
    for path in ["/v1/models/gpt-4o", "/v1/models/a/b", "/v1/models/ft:gpt-4o:org::id", "/models/ft:a:b"] {
        assert!(!is_sdk_route(path), "{path}");
    }
    assert!(is_sdk_route("/v1/models/gemini:generateContent"));
}

#[test]
fn a_slash_at_the_end_makes_no_other_route() {
    for path in
        ["/v1/chat/completions/", "/v1/responses/", "/v1/messages/batches/", "/v1/containers/", "/api/chat/"]
    {
        assert!(post(path).is_none() && !is_sdk_route(path), "{path}");
    }
    assert_eq!(post("/anthropic/v1/messages/"), Some(ModelUse::Default));
}

#[test]
fn what_manages_accounts_is_closed() {
    for path in [
        "/v1/organization/admin_api_keys",
        "/v1/organizations/me",
        "/v1/agents",
        "/v1/agents/a",
        "/v1/vaults/v/credentials",
        "/v1/tunnels/t/reveal_token",
        "/v1/observability/logs/search",
        "/v1/webhooks/w:rotateSigningSecret",
        "/v1/service-accounts",
        "/api/pull",
        "/api/delete",
        "/v1/chat",
    ] {
        assert!(lookup(&Method::POST, path).is_some() && !is_sdk_route(path), "{path}");
    }
}

#[test]
fn the_headers_tell_the_client_where_apis_share_a_path() {
    let mut headers = HeaderMap::new();
    let shape = |path, headers: &HeaderMap| error_shape(&Method::POST, path, ErrorShape::by_headers(headers));
    assert_eq!(shape("/v1/files", &headers), ErrorShape::OpenAi);
    assert_eq!(shape("/v1/messages", &headers), ErrorShape::Anthropic);
    headers.insert("x-goog-api-key", "k".parse().unwrap());
    assert_eq!(shape("/v1/files", &headers), ErrorShape::Google);
    headers.insert("anthropic-version", "2023-06-01".parse().unwrap());
    assert_eq!(shape("/v1/files", &headers), ErrorShape::Anthropic);
    assert_eq!(shape("/none/such", &headers), ErrorShape::Anthropic);
    assert_eq!(shape("/v1/chat/completions", &headers), ErrorShape::OpenAi);
}
