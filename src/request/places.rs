//! Where a route names its model: the one table of it (semantics, *Where a request names its model*).

use http::Method;

use crate::routes::is_in_group;

/// A model between two pieces of path, wherever in the path they stand: a proxy may mount an API below a prefix.
struct PathPlace {
    before: &'static str,
    after: After,
}

/// What ends the model's name.
enum After {
    /// The next slash.
    Slash,
    /// The last colon, behind which a verb stands, as in `:generateContent`.
    Verb,
    /// `/invoke`, `/converse` and the like: the last segment.
    LastSlash,
}

const PATH_PLACES: [PathPlace; 4] = [
    PathPlace { before: "/deployments/", after: After::Slash },
    PathPlace { before: "/engines/", after: After::Slash },
    PathPlace { before: "/models/", after: After::Verb },
    PathPlace { before: "/bedrock/model/", after: After::LastSlash },
];

/// Routes that always take a model when posted to, below each of their prefixes.
const MODEL_ROUTES: [&str; 9] = [
    "chat/completions",
    "completions",
    "embeddings",
    "responses",
    "messages",
    "messages/count_tokens",
    "audio/speech",
    "audio/transcriptions",
    "rerank",
];

const MODEL_ROUTE_PREFIXES: [&str; 6] =
    ["/", "/v1/", "/v2/", "/openai/v1/", "/cursor/", "/claude_code_gateway/v1/"];

/// Groups of routes whose query has a `model` that filters an answer, rather than asking for a model.
const REPORTS: [&str; 4] =
    ["management_routes", "spend_tracking_routes", "global_spend_tracking_routes", "info_routes"];

/// The model that the path names.
pub(super) fn path_model<'p>(method: &Method, path: &'p str) -> Option<&'p str> {
    PATH_PLACES.iter().find_map(|place| {
        let (_, rest) = path.split_once(place.before)?;
        match place.after {
            After::Slash => rest.split_once('/').map(|(model, _)| model),
            After::LastSlash => rest.rsplit_once('/').map(|(model, _)| model),
            // `GET /v1/models/llama3:8b` describes a model; it does not call it.
            After::Verb if *method == Method::GET || *method == Method::HEAD => None,
            After::Verb => rest.rsplit_once(':').map(|(model, _)| model),
        }
    })
}

/// Whether a `model` in the query of `path` asks for a model.
pub(super) fn query_may_name_model(path: &str) -> bool {
    is_in_group("llm_api_routes", path) || !REPORTS.iter().any(|group| is_in_group(group, path))
}

/// Whether a POST to `path` always takes a model.
pub(super) fn always_takes_model(path: &str) -> bool {
    MODEL_ROUTES.iter().any(|route| {
        path.strip_suffix(route).is_some_and(|prefix| {
            MODEL_ROUTE_PREFIXES.contains(&prefix)
                || prefix.starts_with("/openai/deployments/")
                || prefix.starts_with("/engines/")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(path: &str) -> Option<&str> {
        path_model(&Method::POST, path)
    }

    #[test]
    fn a_deployment_path_names_its_model() {
        assert_eq!(posted("/openai/deployments/gpt-4o/chat/completions"), Some("gpt-4o"));
    }

    #[test]
    fn an_engine_path_names_its_model() {
        assert_eq!(posted("/engines/gpt-4o/embeddings"), Some("gpt-4o"));
    }

    #[test]
    fn a_google_path_names_its_model_before_the_verb() {
        assert_eq!(posted("/v1beta/models/gemini-2.0:generateContent"), Some("gemini-2.0"));
        assert_eq!(posted("/models/tuned/a:b:streamGenerateContent"), Some("tuned/a:b"));
    }

    #[test]
    fn a_prefix_hides_no_model() {
        assert_eq!(posted("/gemini/v1beta/models/gemini-2.0:generateContent"), Some("gemini-2.0"));
        assert_eq!(posted("/azure/openai/deployments/gpt-4o/chat/completions"), Some("gpt-4o"));
    }

    #[test]
    fn describing_a_model_does_not_call_it() {
        assert_eq!(path_model(&Method::GET, "/v1/models/llama3:8b"), None);
    }

    #[test]
    fn model_routes_are_known_below_each_prefix() {
        for path in [
            "/v1/chat/completions",
            "/rerank",
            "/v2/rerank",
            "/openai/v1/responses",
            "/engines/x/completions",
        ] {
            assert!(always_takes_model(path), "{path}");
        }
    }

    #[test]
    fn routes_that_only_end_alike_need_no_model() {
        for path in
            ["/v1/threads/t/messages", "/mcp/sse/messages", "/v1/chat/completions/", "/v1/responses/r"]
        {
            assert!(!always_takes_model(path), "{path}");
        }
    }

    #[test]
    fn a_report_may_be_filtered_by_model() {
        assert!(!query_may_name_model("/spend/logs"));
        assert!(query_may_name_model("/v1/realtime"));
        assert!(query_may_name_model("/custom"));
    }
}
