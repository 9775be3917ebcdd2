//! Facts that follow from a route alone.

use http::Method;

use super::model_path::bedrock_call;
use super::path::RoutePath;
use crate::request::malformed::Malformed;
use crate::routes::surface;

/// Whether the method runs something. A server may treat PUT and PATCH like POST.
pub(in crate::request) fn runs(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Whether a request with content to `path` always needs a model.
pub(in crate::request) fn always_takes_model(path: &str) -> bool {
    surface::lookup(&Method::POST, path).is_some_and(|route| route.model_use() == surface::ModelUse::Named)
}

/// The purpose of the files that a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) enum Files {
    /// They are content.
    Content,
    /// They may be batches: files in which each line has a `body` with the members of a request body.
    Batches,
    /// `data` is a part of a file that may be a batch.
    UploadPart,
}

/// The purpose of the files in a form for `path`.
pub(in crate::request) fn files(path: &str) -> Files {
    if path.ends_with("/files") {
        Files::Batches
    } else if path.ends_with("/parts") && path.contains("/uploads/") {
        Files::UploadPart
    } else {
        Files::Content
    }
}

/// The lists of models. Each member is judged like its list: callers who may see the list may ask for each member.
const LISTINGS: [&str; 4] = ["/v1/models", "/models", "/v1beta/models", "/v1alpha/models"];

/// The list that contains the member that a GET of `path` asks for.
pub(in crate::request) fn listing_of(method: &Method, path: &str) -> Option<&'static str> {
    let is_member = |list: &&str| {
        let id = path.strip_prefix(*list).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
        // Google's operations are below its models.
        !id.is_empty() && !id.contains("/operations/")
    };
    if *method == Method::GET { LISTINGS.into_iter().find(is_member) } else { None }
}

/// Parses the path of a request. For a member of a list of models, clients write a slash in the name as `%2F`. Such
/// requests are not forwarded, so no second reader can interpret the path differently.
///
/// The same holds for models of Bedrock. What is forwarded has plain slashes, or the deployment's own id.
pub(in crate::request) fn route(method: &Method, raw: &str) -> Result<RoutePath, Malformed> {
    // An ARN of Bedrock has slashes, which the SDKs of AWS write as `%2F`. Both forms name the same model, and a
    // deployment gets the id of its own.
    let is_of_bedrock = || bedrock_call(raw.strip_prefix("/bedrock").unwrap_or(raw)).is_some();
    if listing_of(method, raw).is_some() || is_of_bedrock() {
        return RoutePath::parse(&raw.replace("%2F", "/").replace("%2f", "/"));
    }
    RoutePath::parse(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_a_list_may_have_encoded_slashes() {
        let get = |raw| route(&Method::GET, raw).ok().map(|path| path.as_str().to_owned());
        assert_eq!(get("/v1/models/openai%2Fgpt-4o").as_deref(), Some("/v1/models/openai/gpt-4o"));
        for raw in ["/v1/models/..%2f..%2fkey", "/v1/models/a%252Fb", "/v1/models/%2Fa", "/v1/files/a%2Fb"] {
            assert_eq!(get(raw), None, "{raw}");
        }
        assert!(route(&Method::POST, "/models/a%2Fb:generateContent").is_err());
    }

    #[test]
    fn an_arn_of_bedrock_may_have_encoded_slashes() {
        let post = |raw| route(&Method::POST, raw).ok().map(|path| path.as_str().to_owned());
        let path = post("/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x/converse");
        assert_eq!(
            path.as_deref(),
            Some("/model/arn:aws:bedrock:us-east-1:1:inference-profile/us.x/converse")
        );
        for raw in
            ["/model/..%2f..%2fkey/invoke", "/model/a%252Fb/invoke", "/model/%2Fa/invoke", "/model/a%2Fb/x"]
        {
            assert_eq!(post(raw), None, "{raw}");
        }
    }

    #[test]
    fn only_getting_a_member_is_judged_as_its_list() {
        assert_eq!(listing_of(&Method::GET, "/v1/models/a/b"), Some("/v1/models"));
        assert_eq!(listing_of(&Method::GET, "/models/a"), Some("/models"));
        assert_eq!(listing_of(&Method::GET, "/v1beta/models/a"), Some("/v1beta/models"));
        for (method, path) in [
            (Method::GET, "/v1/models"),
            (Method::GET, "/v1/models/"),
            (Method::GET, "/v1beta/models/veo/operations/x"),
            (Method::GET, "/v1/modelsx/a"),
            (Method::HEAD, "/v1/models/a"),
            (Method::DELETE, "/v1/models/a"),
        ] {
            assert_eq!(listing_of(&method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn model_routes_are_known_below_each_prefix() {
        for path in [
            "/v1/chat/completions",
            "/rerank",
            "/v2/rerank",
            "/openai/v1/responses",
            "/engines/x/completions",
            "/anthropic/v1/messages",
            "/backend-api/codex/responses",
            "/azure/openai/deployments/d/embeddings",
            "/api/chat",
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
}
