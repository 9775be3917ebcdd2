//! Where a route names its model: the one table of it (semantics, *Where a request names its model*).

use std::fmt;

use http::Method;

use super::keys::Keys;
use super::spelling::is_disguised;
use super::{Malformed, RoutePath};
use crate::routes::{is_in_group, surface};

/// What ends the model's name in a path.
enum After {
    /// The next slash.
    Slash,
    /// The last colon, behind which a verb stands, as in `:generateContent`.
    Verb,
    /// `/invoke`, `/converse` and the like: the last segment.
    LastSlash,
}

/// What a field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// The model that the request asks for.
    Model,
    /// Further models: names, and lists and objects of them.
    Names,
    /// Further models: the strings at the key `model`, at most so many levels down.
    Within(u8),
    /// Further models in the members of a list, at the key `model`.
    Tools,
    /// Not a model: whether the answer is to be streamed.
    Stream,
}

/// In a path: between two pieces of it, wherever in the path they stand: a proxy may mount an API below a prefix. Azure's, the
/// older OpenAI's, Google's, and Bedrock's.
static PATHS: [(&str, After); 4] = [
    ("/deployments/", After::Slash),
    ("/engines/", After::Slash),
    ("/models/", After::Verb),
    ("/bedrock/model/", After::LastSlash),
];

/// The letters that `PATHS` begin with behind their slash.
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

/// In the query: its `model`, on every route but reports, where it filters an answer. It is the realtime API's; LiteLLM reads it
/// on others too.
const REPORTS: [&str; 4] =
    ["management_routes", "spend_tracking_routes", "global_spend_tracking_routes", "info_routes"];

/// In a field at the top of a JSON body, or of a form; on every route, since a reader may look there on any.
pub(super) static FIELDS: Keys<Reads, 12> = Keys::new([
    ("model", Reads::Model),
    // LiteLLM and OpenRouter may use these instead.
    ("models", Reads::Names),
    ("fallbacks", Reads::Names),
    ("context_window_fallbacks", Reads::Names),
    ("content_policy_fallbacks", Reads::Names),
    // LiteLLM adds these to what it sends, over what it was sent.
    ("extra_body", Reads::Within(1)),
    // Realtime sessions, and the transcription in them.
    ("session", Reads::Within(8)),
    ("input_audio_transcription", Reads::Within(1)),
    // Tools that run a model, such as OpenAI's `image_generation`.
    ("tools", Reads::Tools),
    // Anthropic's and Google's batches, which come in the body itself.
    ("requests", Reads::Within(3)),
    ("generateContentRequest", Reads::Within(1)),
    ("stream", Reads::Stream),
]);

/// In the lines of files in a form whose `purpose` is `batch`, where a path ends so; each line has a `body` with fields like the
/// above.
const BATCHES: &str = "/files";

/// The model that the path names.
///
/// # Errors
///
/// [`Malformed::Path`] when it names two.
pub(super) fn path_model<'p>(method: &Method, path: &'p str) -> Result<Option<&'p str>, Malformed> {
    let mut found = None;
    let mut ends = [0; PATHS.len()];
    let mut rest = path.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        // Every piece begins with a slash, and the letter behind it nearly always tells.
        let may_begin = |letter: &u8| BEGINNINGS.get(usize::from(*letter)) == Some(&true);
        if *byte != b'/' || !behind.first().is_some_and(may_begin) {
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
            let model = match after {
                After::Slash => rest.split_once('/').map(|(model, _)| model),
                After::LastSlash => rest.rsplit_once('/').map(|(model, _)| model),
                // `GET /v1/models/llama3:8b` describes a model; it does not call it.
                After::Verb if *method == Method::GET || *method == Method::HEAD => None,
                After::Verb => rest.rsplit_once(':').map(|(model, _)| model),
            };
            if model.is_some() && found.is_some() && found != model {
                return Err(Malformed::Path("it names two models"));
            }
            found = found.or(model);
        }
    }
    Ok(found)
}

/// Whether a `model` in the query of `path` asks for a model.
pub(super) fn query_may_name_model(path: &str) -> bool {
    is_in_group("llm_api_routes", path) || !REPORTS.iter().any(|group| is_in_group(group, path))
}

/// Whether a form that is sent to `path` may bring a batch.
pub(super) fn may_take_batches(path: &str) -> bool {
    path.ends_with(BATCHES)
}

/// A field of a form that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormField {
    Model,
    Purpose,
    Stream,
}

impl fmt::Display for FormField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Model => "model",
            Self::Purpose => "purpose",
            Self::Stream => "stream",
        })
    }
}

/// What a form's field says. A form has no one way to write lists and objects, so that a field of them is refused, as is
/// `_charset_`, which tells the reader how to decode the rest.
pub(super) fn form_field(name: &str) -> Result<Option<FormField>, String> {
    let own = ["purpose", "_charset_"];
    let mut known = FIELDS.iter().map(|(name, _)| *name).chain(own);
    if let Some(known) = known.find(|known| is_disguised(name, known)) {
        return Err(format!("a field is spelled almost like `{known}`"));
    }
    match FIELDS.get(name) {
        Some((_, Reads::Model)) => Ok(Some(FormField::Model)),
        Some((_, Reads::Stream)) => Ok(Some(FormField::Stream)),
        Some((_, Reads::Names | Reads::Within(_) | Reads::Tools)) => {
            Err(format!("the field `{name}` has no one form"))
        }
        None if name == "purpose" => Ok(Some(FormField::Purpose)),
        None if name == "_charset_" => Err("the field `_charset_` changes the others".to_owned()),
        None => Ok(None),
    }
}

/// Whether a POST to `path` always takes a model.
pub(super) fn always_takes_model(path: &str) -> bool {
    surface::lookup(&Method::POST, path).is_some_and(|route| route.model_use() == surface::ModelUse::Named)
}

/// The lists of models, whose members are judged as the list is: who may see the list may ask for each of its members.
const LISTINGS: [&str; 2] = ["/v1/models", "/models"];

/// The list that a GET of `path` asks for a member of.
pub(super) fn listing_of(method: &Method, path: &str) -> Option<&'static str> {
    let is_member = |list: &&str| {
        path.strip_prefix(*list).and_then(|rest| rest.strip_prefix('/')).is_some_and(|id| !id.is_empty())
    };
    if *method == Method::GET { LISTINGS.into_iter().find(is_member) } else { None }
}

/// The path of a request. In the path of a model in a list, clients write a slash in its name as `%2F`; nothing is
/// forwarded there, so that no second reader can take it for another path.
pub(super) fn route(method: &Method, raw: &str) -> Result<RoutePath, Malformed> {
    if listing_of(method, raw).is_some() {
        return RoutePath::parse(&raw.replace("%2F", "/").replace("%2f", "/"));
    }
    RoutePath::parse(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(path: &str) -> Option<&str> {
        path_model(&Method::POST, path).unwrap()
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
    fn a_path_with_two_models_is_refused() {
        for path in
            ["/openai/deployments/a/engines/b/x", "/deployments/a/deployments/b/c", "/engines/a/models/b:c"]
        {
            assert!(path_model(&Method::POST, path).is_err(), "{path}");
        }
        assert_eq!(posted("/engines/a/engines/a/x"), Some("a"));
    }

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
    fn only_getting_a_member_is_judged_as_its_list() {
        assert_eq!(listing_of(&Method::GET, "/v1/models/a/b"), Some("/v1/models"));
        assert_eq!(listing_of(&Method::GET, "/models/a"), Some("/models"));
        for (method, path) in [
            (Method::GET, "/v1/models"),
            (Method::GET, "/v1/models/"),
            (Method::GET, "/v1/modelsx/a"),
            (Method::HEAD, "/v1/models/a"),
            (Method::DELETE, "/v1/models/a"),
        ] {
            assert_eq!(listing_of(&method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn describing_a_model_does_not_call_it() {
        assert_eq!(path_model(&Method::GET, "/v1/models/llama3:8b").unwrap(), None);
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

    #[test]
    fn a_report_may_be_filtered_by_model() {
        assert!(!query_may_name_model("/spend/logs"));
        assert!(query_may_name_model("/v1/realtime"));
        assert!(query_may_name_model("/custom"));
    }
}
