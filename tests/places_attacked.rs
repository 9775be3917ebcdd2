//! A second name for a model is judged or refused wherever it stands, however it is written.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::{HeaderMap, HeaderName, Method};
use modelgate::request::{Malformed, RequestParts, classify};

const CHAT: &str = "/v1/chat/completions";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=b";

/// The names in a request with this body, each once.
fn names(path: &str, kind: &str, body: &[u8]) -> Result<Vec<String>, Malformed> {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut headers = HeaderMap::new();
    if !kind.is_empty() {
        headers.insert(HeaderName::from_static("content-type"), kind.parse().unwrap());
    }
    let call = classify(&RequestParts { method: &Method::POST, path, query, headers: &headers, body })?;
    Ok(call.models().map(|name| name.as_str().to_owned()).collect())
}

/// Fails unless the request is refused, or names the model `b`.
fn shows_b(path: &str, kind: &str, body: &[u8]) {
    let found = names(path, kind, body);
    let is_shown = found.as_ref().map_or(true, |names| names.iter().any(|name| name == "b"));
    assert!(is_shown, "{path} {kind} {}: {found:?}", String::from_utf8_lossy(body));
}

#[test]
fn a_second_model_in_a_json_body_is_judged_or_refused() {
    for rest in [
        r#""model":"b""#,
        r#""mod\u0065l":"b""#,
        r#""\u006d\u006f\u0064\u0065\u006c":"b""#,
        r#""Model":"b""#,
        r#""MODEL":"b""#,
        r#"" model":"b""#,
        r#""model ":"b""#,
        r#""model\u0000":"b""#,
        r#""model\u200b":"b""#,
        r#""\ufeffmodel":"b""#,
        r#""model[]":["b"]"#,
        r#""model[0]":"b""#,
        r#""model.id":"b""#,
        r#""models":["b"]"#,
        r#""models":"b""#,
        r#""models":[["b"]]"#,
        r#""models":[{"model":"b"}]"#,
        r#""models":[{"id":"b"}]"#,
        r#""Models":["b"]"#,
        r#""fallback":"b""#,
        r#""fallback_model":"b""#,
        r#""fallbackModel":"b""#,
        r#""fallbacks":[{"x":{"model":"b"}}]"#,
        r#""fallbacks":[{"a":["b"]}]"#,
        r#""fallbacks":{"a":"b"}"#,
        r#""FALLBACKS":["b"]"#,
        r#""default_fallbacks":["b"]"#,
        r#""context_window_fallbacks":[{"a":["b"]}]"#,
        r#""metadata":{"fallbacks":["b"]}"#,
        r#""metadata":"{\"fallbacks\":[\"b\"]}""#,
        r#""litellm_metadata":{"model_group":"b"}"#,
        r#""extra_body":{"model":"b"}"#,
        r#""extra_body":{"extra_body":{"models":["b"]}}"#,
        r#""extra_body":"{\"model\":\"b\"}""#,
        r#""moderation":{"model":"b"}"#,
        r#""route":{"model":"b"}"#,
        r#""provider":{"fallback_models":["b"]}"#,
        r#""plugins":[{"id":"web","model":"b"}]"#,
        r#""tools":[{"type":"x","model":"b"}]"#,
        r#""tools":[{"type":"x","config":{"deep":[{"model_id":"b"}]}}]"#,
        r#""tools":{"x":{"model":"b"}}"#,
        r#""tool_choice":{"model":"b"}"#,
        r#""reasoning":{"summary_model":"b"}"#,
        r#""speculative":{"draft_model":"b"}"#,
        r#""draftModelId":"b""#,
        r#""deployment":"b""#,
        r#""deployment_id":"b""#,
        r#""deploymentName":"b""#,
        r#""model-id":"b""#,
        r#""modelArn":"b""#,
        r#""base_model":"b""#,
        r#""data_sources":[{"parameters":{"embedding_dependency":{"deployment_name":"b"}}}]"#,
        r#""response_format":{"model":"b"}"#,
        r#""routingConfig":{"manualMode":{"modelName":"b"}}"#,
        r#""audio":{"model":"b"}"#,
        r#""svg":{"model":"b"}"#,
        r#""session":{"input_audio_transcription":{"model":"b"}}"#,
        r#""graders":[{"type":"score_model","model":"b"}]"#,
        r#""messages":[{"tools":[{"model":"b"}]}]"#,
        r#""input":[{"type":"additional_tools","tools":[{"model":"b"}]}]"#,
        r#""input":{"model":"b"}"#,
        r#""config":{"model":"b"}"#,
        r#""params":{"model":"b"}"#,
        r#""requests":[{"params":{"model":"b"}}]"#,
        r#""web_search_options":{"model":"b"}"#,
        r#""search_settings":{"chunk_rerank_model":"b"}"#,
        r#""stop":"x"} {"model":"b""#,
        r#""stop":"x"}{"model":"b""#,
        r#""x":1,,"model":"b""#,
        r#""x":"\"","model":"b""#,
        "\"x\":1//\n,\"model\":\"b\"",
        "\"x\":1/*,*/,\"model\":\"b\"",
    ] {
        for text in [format!("{{\"model\":\"a\",{rest}}}"), format!("{{{rest},\"model\":\"a\"}}")] {
            for path in [CHAT, "/v1/responses", "/v1/messages", "/v1/embeddings"] {
                for kind in
                    ["", "application/json", "text/plain", "application/octet-stream", "application/x-ndjson"]
                {
                    shows_b(path, kind, text.as_bytes());
                }
            }
        }
    }
}

#[test]
fn a_body_that_some_reader_takes_for_json_is_judged_or_refused() {
    const BODY: &str = r#"{"model":"b"}"#;
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for before in [
        "",
        " ",
        "\t",
        "\r\n",
        "\u{b}",
        "\u{c}",
        "\u{1c}",
        "\u{1f}",
        "\u{85}",
        "\u{a0}",
        "\u{feff}",
        "\u{2028}",
        "\u{3000}",
        "\u{200b}",
        "\0",
        "\u{feff}\u{feff}",
        ")]}',\n",
        "/**/",
        "//x\n",
        "[",
        "{\"a\":1}\n",
        "1\n",
        "null\n",
        "\"x\"\n",
        "data: ",
        "\u{1e}",
    ] {
        for after in ["", "\n", "\0", "x", "\n{\"model\":\"a\"}", "]"] {
            let text = format!("{before}{BODY}{after}");
            // Words before it are no JSON to any reader, and one after another are read line by line.
            let is_other = ["1", "null", "\"x\"", "data", ")"].iter().any(|word| before.starts_with(word));
            for kind in ["", "application/json", "text/json", "application/vnd.api+json"] {
                shows_b("/v1/images/generations", kind, text.as_bytes());
            }
            for kind in ["text/plain", "audio/mpeg", "application/x-ndjson", "application/jsonl", FORM] {
                if !is_other {
                    shows_b("/v1/images/generations", kind, text.as_bytes());
                }
            }
        }
    }
    for kind in ["", "text/plain", "application/json", FORM] {
        shows_b("/v1/images/generations", kind, &utf16(BODY));
        shows_b("/v1/images/generations", kind, &utf16(&format!("\u{feff}{BODY}")));
    }
}

#[test]
fn a_model_that_is_no_text_is_refused() {
    for value in [
        "1",
        "1.0",
        "true",
        "false",
        "[]",
        "[\"b\"]",
        "{}",
        "{\"id\":\"b\"}",
        "\"\"",
        "\"\\u0000\"",
        "\"b\\n\"",
    ] {
        for path in [CHAT, "/v1/images/generations", "/v1/batches", "/v1/assistants", "/anything"] {
            let body = format!("{{\"model\":{value}}}");
            assert!(names(path, "", body.as_bytes()).is_err(), "{path} {body}");
        }
    }
}

#[test]
fn a_second_model_in_a_form_is_judged_or_refused() {
    for body in [
        "model=a&model=b",
        "model=b&model=a",
        "model=a&mod%65l=b",
        "model=a&Model=b",
        "model=a&model[]=b",
        "model=a&model%5B%5D=b",
        "model=a&model%20=b",
        "model=a&+model=b",
        "model=a&model%00=b",
        "model=a&models=b",
        "model=a&models[]=b",
        "model=a;model=b",
        "model=a%26model=b",
        "model=a&fallbacks=b",
        "model=a&session=%7B%22model%22:%22b%22%7D",
        "model=a&x={\"model\":\"b\"}",
        "model=a&session[model]=b",
        "model=a&session.model=b",
        "model=a&svg%5Bmodel%5D=b",
        "model=a&deployment=b",
        "model=a\nmodel=b",
        "model=a\r\n&model=b",
        "model=a&_charset_=utf-7&x=b",
        "{\"model\":\"b\"}=&model=a",
        "model=a&=&model=b",
        "?model=b&model=a",
        "model=a,b",
        "model=a&model",
        "model=a&metadata={\"fallbacks\":[\"b\"]}",
        "model=a&extra_body={\"model\":\"b\"}",
    ] {
        let found = names("/v1/audio/transcriptions", FORM, body.as_bytes());
        let is_one = body == "model=a%26model=b" && found == Ok(vec!["a&model=b".to_owned()]);
        if !is_one {
            shows_b("/v1/audio/transcriptions", FORM, body.as_bytes());
        }
    }
}

/// A form of these parts, each a head behind `form-data; ` and a value.
fn multipart(parts: &[(&str, &str)]) -> Vec<u8> {
    let part = |(head, value): &(&str, &str)| {
        format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    (parts.iter().map(part).collect::<String>() + "--b--\r\n").into_bytes()
}

#[test]
fn a_second_model_in_a_multipart_form_is_judged_or_refused() {
    let file = ("name=\"file\"; filename=\"a.mp3\"", "ID3");
    for second in [
        ("name=\"model\"", "b"),
        ("name=\"Model\"", "b"),
        ("name=\"model[]\"", "b"),
        ("name=\"model \"", "b"),
        ("name=\"models\"", "b"),
        ("name=\"fallbacks\"", "b"),
        ("name=model", "b"),
        ("name=\"model\"; filename=\"m.txt\"", "b"),
        ("name=\"model\"; filename=\"\"", "b"),
        ("filename=\"m\"; name=\"model\"", "b"),
        ("name=\"x\"; name=\"model\"", "b"),
        ("name*=utf-8''model", "b"),
        ("name=\"mod\\el\"", "b"),
        ("name=\"mod%65l\"", "b"),
        ("name=\"model\"\r\nContent-Type: text/plain; charset=utf-16", "b"),
        ("name=\"model\"\r\nContent-Type: application/json", "\"b\""),
        ("name=\"model\"\r\nContent-Transfer-Encoding: base64", "Yg=="),
        ("name=\"model\"\r\nContent-Type: multipart/mixed; boundary=c", "b"),
        ("name=\"session\"", "{\"model\":\"b\"}"),
        ("name=\"session\"\r\nContent-Type: application/json", "{\"model\":\"b\"}"),
        ("name=\"session[model]\"", "b"),
        ("name=\"svg.model\"", "b"),
        ("name=\"deployment\"", "b"),
        ("name=\"model_id\"", "b"),
        ("name=\"_charset_\"", "utf-7"),
        ("name=\"x\"", "y\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nb"),
        ("name=\"x\"", "y\n--b\nContent-Disposition: form-data; name=\"model\"\n\nb"),
        ("name=\"x\"", "y\r\n--b--\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nb"),
        ("name=\"metadata\"", "{\"fallbacks\":[\"b\"]}"),
    ] {
        let model = ("name=\"model\"", "a");
        for parts in [
            vec![model, file, second],
            vec![second, file, model],
            vec![file, second, model],
            vec![file, model, second],
        ] {
            shows_b("/v1/audio/transcriptions", MULTIPART, &multipart(&parts));
            shows_b("/v1/images/edits", MULTIPART, &multipart(&parts));
        }
    }
    // Alone, behind the file, it is the model.
    let found = names("/v1/audio/transcriptions", MULTIPART, &multipart(&[file, ("name=\"model\"", "b")]));
    assert_eq!(found, Ok(vec!["b".to_owned()]));
}

#[test]
fn a_second_model_in_a_path_or_a_query_is_judged_or_refused() {
    const BODY: &[u8] = br#"{"model":"a"}"#;
    for path in [
        "/v1/chat/completions?model=b",
        "/v1/chat/completions?Model=b",
        "/v1/chat/completions?mod%65l=b",
        "/v1/chat/completions?model=a&model=b",
        "/v1/chat/completions?model[]=b",
        "/v1/chat/completions?model=a;model=b",
        "/v1/chat/completions?x=1&deployment=b",
        "/v1/chat/completions?deploymentId=b",
        "/v1/chat/completions?models=b",
        "/v1/chat/completions?fallbacks=b",
        "/v1/chat/completions?x[model]=b",
        "/v1/chat/completions?x=%26model=b&model=b",
        "/v1/chat/completions?model=%62",
        "/engines/b/chat/completions",
        "/engines/%62/chat/completions",
        "/v1/engines/b/embeddings",
        "/openai/deployments/b/chat/completions",
        "/openai/deployments/b;x/chat/completions",
        "/openai/deployments//chat/completions",
        "/openai/deployments/a/../b/chat/completions",
        "/openai/deployments/a%2f..%2fb/chat/completions",
        "/openai/deployments/a%252f..%252fb/chat/completions",
        "/openai//deployments/b/chat/completions",
        "/openai/deployments/./b/chat/completions",
        "/openai/deployments/b%00/chat/completions",
        "/openai/deployments\\b/chat/completions",
        "/openai/deployments/a/deployments/b/chat/completions",
        "/openai/%64eployments/b/chat/completions",
        "/v1beta/models/b:generateContent",
        "/v1beta/models/models/b:generateContent",
        "/v1beta/models/%62:generateContent",
        "/v1beta/models/b%3AgenerateContent",
        "/v1beta/models/a:x/models/b:generateContent",
        "/v1beta/tunedModels/b:generateContent",
        "/bedrock/model/b/invoke",
        "/bedrock/model/b/converse-stream",
        "/model/b/converse",
        "/vertex_ai/v1/projects/p/locations/l/publishers/google/models/b:generateContent",
        "/vertex_ai/v1/projects/p/locations/l/endpoints/b:predict",
    ] {
        shows_b(path, "", BODY);
    }
}
