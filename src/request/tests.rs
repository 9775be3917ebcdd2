use http::{HeaderMap, Method};

use super::*;

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
    assert_eq!(post("/openai/deployments/gpt-4o/chat/completions", br#"{"model": "o1"}"#), refused);
    let refused = Err(Malformed::TwoModels { first: "the query", second: "the body" });
    assert_eq!(send("/v1/realtime", Some("model=a"), &[], br#"{"model": "b"}"#), refused);
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
