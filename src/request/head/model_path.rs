//! The model that a path names.

use http::Method;

use crate::request::malformed::Malformed;

/// The end of the model name in a path.
enum After {
    /// The next slash.
    Slash,
    /// The last colon, which precedes a verb such as `:generateContent`.
    Verb,
    /// The last segment, such as `/invoke` or `/converse`.
    LastSlash,
}

/// The text before and after the model, anywhere in the path, because a proxy may mount an API below a prefix. For
/// Azure, the older OpenAI API, Google and Bedrock.
static PATHS: [(&str, After); 6] = [
    (DEPLOYMENTS, After::Slash),
    ("/engines/", After::Slash),
    ("/models/", After::Verb),
    ("/tunedModels/", After::Verb),
    ("/endpoints/", After::Verb),
    ("/bedrock/model/", After::LastSlash),
];

const DEPLOYMENTS: &str = "/deployments/";

/// The first letters of `PATHS` after their slash.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
static BEGINNINGS: [bool; 256] = {
    let mut beginnings = [false; 256];
    let mut at = 0;
    while at < PATHS.len() {
        beginnings[PATHS[at].0.as_bytes()[1] as usize] = true;
        at += 1;
    }
    beginnings
};

/// Whether what follows a slash may be the rest of one of `PATHS`. Its first letter usually excludes that.
#[inline]
pub(super) fn begins_model(behind: &[u8]) -> bool {
    behind.first().is_some_and(|letter| BEGINNINGS.get(usize::from(*letter)) == Some(&true))
}

/// A model in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::request) struct PathModel<'p> {
    pub(in crate::request) name: &'p str,
    /// The path's model replaces the one in the body (D12), as for Azure's deployments.
    pub(in crate::request) replaces: bool,
}

/// The operations of Bedrock's runtime on a model, at the end of a path.
const RUNTIME: [&str; 5] =
    ["converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens"];

/// The model and the operation in a path of Bedrock's runtime. The id of a model may be an ARN, with slashes.
pub(crate) fn bedrock_call(path: &str) -> Option<(&str, &str)> {
    let (name, operation) = path.strip_prefix("/model/")?.rsplit_once('/')?;
    (!name.is_empty() && RUNTIME.contains(&operation)).then_some((name, operation))
}

/// Returns the model that the path names.
///
/// # Errors
///
/// [`Malformed::Path`] if it names two.
pub(in crate::request) fn path_model<'p>(
    method: &Method,
    path: &'p str,
) -> Result<Option<PathModel<'p>>, Malformed> {
    let mut found = bedrock_call(path).map(|(name, _)| PathModel { name, replaces: false });
    let mut ends = [0; PATHS.len()];
    let mut rest = path.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        // Every prefix begins with a slash.
        if *byte != b'/' || !begins_model(behind) {
            continue;
        }
        let at = path.len() - behind.len() - 1;
        for ((before, after), end) in PATHS.iter().zip(&mut ends) {
            if at < *end {
                continue;
            }
            let rest = path.get(at..).and_then(|here| here.strip_prefix(before));
            let Some(rest) = rest else { continue };
            *end = at + before.len();
            let name = match after {
                After::Slash => rest.split_once('/').map(|(model, _)| model),
                After::LastSlash => rest.rsplit_once('/').map(|(model, _)| model),
                // `GET /v1/models/llama3:8b` describes a model and does not call it.
                After::Verb if *method == Method::GET || *method == Method::HEAD => None,
                // In Google's API, `models/x` means `x`.
                After::Verb => rest.rsplit_once(':').map(|(model, _)| without_prefix(model)),
            };
            let Some(name) = name else { continue };
            if found.is_some_and(|found| found.name != name) {
                return Err(Malformed::Path("it names two models"));
            }
            let replaces = *before == DEPLOYMENTS || found.is_some_and(|found| found.replaces);
            found = Some(PathModel { name, replaces });
        }
    }
    Ok(found)
}

fn without_prefix(model: &str) -> &str {
    model.strip_prefix("models/").filter(|rest| !rest.is_empty()).unwrap_or(model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::head::path::RoutePath;

    fn posted(path: &str) -> Option<&str> {
        path_model(&Method::POST, path).unwrap().map(|model| model.name)
    }

    #[test]
    fn a_deployment_path_names_its_model_in_the_bodys_place() {
        let model = path_model(&Method::POST, "/openai/deployments/gpt-4o/chat/completions").unwrap();
        assert_eq!(model, Some(PathModel { name: "gpt-4o", replaces: true }));
    }

    #[test]
    fn an_engine_path_names_its_model() {
        let model = path_model(&Method::POST, "/engines/gpt-4o/embeddings").unwrap();
        assert_eq!(model, Some(PathModel { name: "gpt-4o", replaces: false }));
    }

    #[test]
    fn a_google_path_names_its_model_before_the_verb() {
        assert_eq!(posted("/v1beta/models/gemini-2.0:generateContent"), Some("gemini-2.0"));
        assert_eq!(posted("/v1/models/gemini-2.0:countTokens"), Some("gemini-2.0"));
        assert_eq!(posted("/models/tuned/a:b:streamGenerateContent"), Some("tuned/a:b"));
        assert_eq!(posted("/v1beta/models/models/a:generateContent"), Some("a"));
        assert_eq!(posted("/v1beta/tunedModels/a:generateContent"), Some("a"));
        assert_eq!(posted("/vertex_ai/v1/projects/p/locations/l/endpoints/7:predict"), Some("7"));
    }

    #[test]
    fn a_prefix_hides_no_model() {
        assert_eq!(posted("/gemini/v1beta/models/gemini-2.0:generateContent"), Some("gemini-2.0"));
        assert_eq!(posted("/azure/openai/deployments/gpt-4o/chat/completions"), Some("gpt-4o"));
    }

    #[test]
    fn a_path_with_two_models_is_refused() {
        for path in
            ["/openai/deployments/a/engines/b/x", "/deployments/a/deployments/b/c", "/engines/a/models/b:c"]
        {
            assert!(path_model(&Method::POST, path).is_err(), "{path}");
        }
        assert_eq!(posted("/engines/a/engines/a/x"), Some("a"));
    }

    #[test]
    fn a_path_of_bedrocks_runtime_names_its_model_before_the_operation() {
        assert_eq!(posted("/model/us.amazon.nova-lite-v1:0/converse"), Some("us.amazon.nova-lite-v1:0"));
        let profile = "arn:aws:bedrock:us-east-1:1:inference-profile/us.x";
        for path in ["/model", "/bedrock/model"] {
            let path = format!("{path}/{profile}/invoke-with-response-stream");
            assert_eq!(posted(&path), Some(profile), "{path}");
        }
        for path in ["/model/info", "/model/a/update", "/x/model/a/converse", "/model/converse"] {
            assert_eq!(posted(path), None, "{path}");
        }
    }

    #[test]
    fn every_path_with_a_model_begins_a_segment_with_a_known_letter() {
        for (prefix, _) in &PATHS {
            assert!(begins_model(prefix.trim_start_matches('/').as_bytes()), "{prefix}");
        }
        assert!(begins_model(b"model/a/converse"));
        for path in ["/v1/%6dodels/a:generateContent", "/deployments/a/b", "/bedrock/model/a/invoke"] {
            assert!(RoutePath::parse(path).unwrap().may_name_model(), "{path}");
        }
        assert!(!RoutePath::parse("/v1/chat/completions").unwrap().may_name_model());
    }

    #[test]
    fn describing_a_model_does_not_call_it() {
        assert_eq!(path_model(&Method::GET, "/v1/models/llama3:8b").unwrap(), None);
    }
}
