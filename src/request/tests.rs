use http::{HeaderMap, Method};

use super::*;
use crate::names::ModelName;

fn post(path: &str, body: &[u8]) -> Result<ApiCall, Malformed> {
    send(path, None, &[], body)
}

fn send(
    path: &str,
    query: Option<&str>,
    headers: &[(&'static str, &str)],
    body: &[u8],
) -> Result<ApiCall, Malformed> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    classify(&RequestParts { method: &Method::POST, path, query, headers: &headers, body })
}

fn names(call: &ApiCall) -> Vec<&str> {
    call.models().map(ModelName::as_str).collect()
}

const CHAT: &str = "/v1/chat/completions";

#[test]
fn the_body_names_the_model_and_where_it_stands() {
    let body = br#"{"messages": [{"model": "no"}], "mod\u0065l" : "a\u0062c", "stream": true}"#;
    let call = post(CHAT, body).unwrap();
    assert_eq!(names(&call), ["abc"]);
    assert_eq!(&body[call.body_model().unwrap()], br#""a\u0062c""#);
    assert!(call.stream());
}

#[test]
fn fallbacks_are_further_models() {
    let call = post(
        CHAT,
        br#"{"model": "a", "fallbacks": ["b", {"a": ["c"]}, {"model": "d", "messages": [{"role": "user"}]}], "models": ["a", "e"]}"#,
    )
    .unwrap();
    assert_eq!(names(&call), ["a", "b", "c", "d", "e"]);
}

#[test]
fn places_that_agree_name_one_model() {
    let call = post("/openai/deployments/gpt-4o/chat/completions", br#"{"model": "gpt-4o"}"#).unwrap();
    assert_eq!(names(&call), ["gpt-4o"]);
}

#[test]
fn places_that_disagree_are_refused() {
    let refused = Err(Malformed::TwoModels { first: "the path", second: "the body" });
    assert_eq!(post("/engines/gpt-4o/embeddings", br#"{"model": "o1"}"#), refused);
    let refused = Err(Malformed::TwoModels { first: "the query", second: "the body" });
    assert_eq!(send("/v1/realtime", Some("model=a"), &[], br#"{"model": "b"}"#), refused);
}

#[test]
fn a_deployment_in_the_path_replaces_the_bodys_model() {
    let path = "/openai/deployments/gpt-4o/chat/completions";
    let call = post(path, br#"{"model": "o1"}"#).unwrap();
    assert_eq!(names(&call), ["gpt-4o"]);
    assert_eq!(call.replaced_model().map(ModelName::as_str), Some("gpt-4o"));
    assert_eq!(call.renamed_body("gpt-4o"), Some((10..14, "\"gpt-4o\"".to_owned())));
    assert_eq!(post(path, br#"{"model": "gpt-4o"}"#).unwrap().replaced_model(), None);
    // An absent value replaces the placeholder.
    let call = post(path, br#"{"model": null}"#).unwrap();
    assert_eq!((call.replaced_model(), call.body_model()), (None, None));
    assert_eq!(call.renamed_body("x"), Some((10..14, "\"x\"".to_owned())));
    assert!(send(path, Some("model=o1"), &[], b"{}").is_err());
}

#[test]
fn a_put_or_a_patch_is_judged_as_a_post() {
    for method in [Method::PUT, Method::PATCH] {
        let headers = HeaderMap::new();
        let parts = RequestParts { method: &method, path: CHAT, query: None, headers: &headers, body: b"{}" };
        assert_eq!(classify(&parts), Err(Malformed::NoModel), "{method}");
    }
}

#[test]
fn headers_that_choose_a_model_or_a_method_are_judged() {
    let body = br#"{"model": "a"}"#;
    for name in ["azureml-model-deployment", "ai-language-model-id", "x-litellm-model"] {
        assert_eq!(names(&send(CHAT, None, &[(name, "b")], body).unwrap()), ["a", "b"], "{name}");
        assert!(send(CHAT, None, &[(name, "")], body).is_err(), "{name}");
    }
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        assert_eq!(send(CHAT, None, &[(name, "GET")], body), Err(Malformed::MethodOverride), "{name}");
        assert!(send(CHAT, None, &[(name, "post")], body).is_ok(), "{name}");
    }
}

#[test]
fn a_prefix_of_googles_api_is_no_part_of_the_name() {
    let body = br#"{"model": "models/gemini", "requests": [{"model": "models/other"}]}"#;
    let call = post("/v1beta/models/gemini:batchEmbedContents", body).unwrap();
    assert_eq!(names(&call), ["gemini", "other"]);
    assert_eq!(call.renamed_body("x"), Some((10..25, "\"models/x\"".to_owned())));
    assert_eq!(names(&post("/v1/cachedContents", br#"{"model": "models/gemini"}"#).unwrap()), ["gemini"]);
    assert_eq!(names(&post(CHAT, br#"{"model": "models/gemini"}"#).unwrap()), ["models/gemini"]);
}

#[test]
fn a_streaming_verb_asks_for_a_stream() {
    assert!(post("/v1beta/models/a:streamGenerateContent", b"{}").unwrap().stream());
    assert!(post("/bedrock/model/a/invoke-with-response-stream", b"{}").unwrap().stream());
    assert!(!post("/v1beta/models/a:generateContent", b"{}").unwrap().stream());
}

#[test]
fn members_that_only_litellm_has_are_told_on_the_routes_of_apis() {
    let body =
        br#"{"model": "a", "messages": [], "tags": [], "mock_response": "x", "user_config": {}, "top_k": 1}"#;
    let members = |path| post(path, body).unwrap().litellm_members().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(members(CHAT), ["tags", "mock_response", "user_config"]);
    assert_eq!(members("/key/generate"), Vec::<String>::new());
}

#[test]
fn a_name_of_more_than_512_bytes_is_refused() {
    let body = |length| format!(r#"{{"model": "{}"}}"#, "a".repeat(length));
    assert!(post(CHAT, body(512).as_bytes()).is_ok());
    let refused = Err(Malformed::LongName { place: "the body", limit: 512 });
    assert_eq!(post(CHAT, body(513).as_bytes()), refused);
}

#[test]
fn a_model_route_without_a_model_is_refused() {
    assert_eq!(post(CHAT, b"{}"), Err(Malformed::NoModel));
    assert_eq!(post("/v2/rerank", b""), Err(Malformed::NoModel));
}

#[test]
fn other_routes_need_no_model() {
    assert_eq!(post("/v1/files/abc", b"").unwrap().model(), None);
}

#[test]
fn json_that_two_readers_may_read_differently_is_refused() {
    let deep = format!("{{\"model\": \"a\", \"x\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let cases: [&[u8]; 22] = [
        br#"{"model": "a", "model": "a"}"#,
        br#"{"model": "a", "mod\u0065l": "b"}"#,
        br#"{"model": "a", "Model": "b"}"#,
        "{\"model\": \"a\", \"model\u{17f}\": [\"b\"]}".as_bytes(),
        br#"{"model": ["a"]}"#,
        br#"{"model": ""}"#,
        br#"{"model": null}"#,
        br#"{"model": 1}"#,
        b"\xef\xbb\xbf{\"model\": \"a\"}",
        b"\xff\xfe{\0\"\0m\0",
        b"{\"model\": \"a\", \"x\": \"\xc0\xaf\"}",
        br#"{"model": "a", "x": "\ud800"}"#,
        br#"{"model": "a" /* b */}"#,
        br#"{"model": "a",}"#,
        br#"{"model": "a", "x": NaN}"#,
        br#"{"model": "a"} {"model": "b"}"#,
        br#"{"model": "a"}x"#,
        br#"[{"model": "a"}]"#,
        br#""model""#,
        br#"{'model': 'a'}"#,
        b"{\"model\": \"a\nb\"}",
        deep.as_bytes(),
    ];
    for body in cases {
        assert!(post(CHAT, body).is_err(), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_content_type_that_lies_hides_no_model() {
    for kind in ["text/plain", "application/octet-stream", "audio/mpeg"] {
        let call = send("/v1/files/abc", None, &[("content-type", kind)], br#" {"model": "a"}"#).unwrap();
        assert_eq!(names(&call), ["a"], "{kind}");
        assert!(
            send("/v1/files/abc", None, &[("content-type", kind)], b"\xff\xfe{\0\"\0").is_err(),
            "{kind}"
        );
    }
}

#[test]
fn bytes_that_are_no_json_name_no_model() {
    let call = send("/v1/files/abc", None, &[("content-type", "audio/mpeg")], b"ID3\x04").unwrap();
    assert_eq!(call.model(), None);
}

#[test]
fn an_encoded_body_is_refused() {
    let sent = send(CHAT, None, &[("content-encoding", "gzip")], b"\x1f\x8b");
    assert_eq!(sent, Err(Malformed::Unsupported("encoding")));
}

#[test]
fn two_team_headers_are_refused() {
    let twice = [(TEAM_HEADER, "a"), (TEAM_HEADER, "b")];
    assert_eq!(send(CHAT, None, &twice, br#"{"model": "a"}"#), Err(Malformed::TeamHeader));
}

#[test]
fn names_are_compared_byte_by_byte() {
    let call = post(CHAT, "{\"model\": \"gpt-4o \"}".as_bytes()).unwrap();
    assert_eq!(names(&call), ["gpt-4o "]);
}
