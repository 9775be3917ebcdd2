use super::super::body;
use super::super::model_use::ModelUse;
use super::super::rules::Rules;

fn read(body: &str) -> Result<(Vec<String>, ModelUse), String> {
    let content = body::read(body.as_bytes(), Rules { route: "/v1/chat/completions" })?;
    let names = content.names.as_slice().iter().map(ToString::to_string).collect();
    Ok((names, content.model_use))
}

fn used(body: &str) -> Result<ModelUse, String> {
    read(body).map(|(_, used)| used)
}

fn names(body: &str) -> Vec<String> {
    read(body).unwrap_or_else(|error| panic!("{body}: {error}")).0
}

#[test]
fn a_member_that_names_a_model_counts_at_any_depth() {
    for body in [
        r#"{"moderation": {"model": "b"}}"#,
        r#"{"x": [[{"y": {"baseModel": "b"}}]]}"#,
        r#"{"tools": [{"type": "namespace", "tools": [{"type": "image_generation", "svg": {"model": "b"}}]}]}"#,
        r#"{"input": [{"type": "additional_tools", "tools": [{"model": "b"}]}]}"#,
        r#"{"input": [{"type": "tool_search_output", "tools": [{"tools": [{"model": "b"}]}]}]}"#,
        r#"{"extra_body": {"models": ["b"]}}"#,
        r#"{"extra_body": {"extra_body": {"fallbacks": ["b"]}}}"#,
        r#"{"data_sources": [{"parameters": {"embedding_dependency": {"deployment_name": "b"}}}]}"#,
        r#"{"plugins": [{"id": "x", "model": "b"}]}"#,
        r#"{"session": {"audio": {"input": {"transcription": {"model": "b"}}}}}"#,
        r#"{"delegation": {"responses": {"model": "b"}}}"#,
        r#"{"routingConfig": {"manualMode": {"modelName": "b"}}}"#,
        r#"{"agent_config": {"model": {"id": "b", "speed": "fast"}}}"#,
        r#"{"ingest_options": {"vector_store": {"litellm_embedding_model": "b"}}}"#,
        r#"{"method": {"reinforcement": {"grader": {"type": "score_model", "model": "b"}}}}"#,
        r#"{"user_config": {"model_list": [{"model_name": "b", "litellm_params": {"model": "b"}}]}}"#,
        r#"{"deployment_id": "b"}"#,
        r#"{"metadata": {"fallbacks": ["b"]}}"#,
        r#"{"metadata": "{\"fallbacks\": [\"b\"]}"}"#,
        r#"{"litellm_metadata": {"model_group": "b", "model_info": {"id": "b"}}}"#,
        r#"{"context_window_fallback_dict": {"a": "b"}}"#,
        r#"{"fallbacks": [{"a": ["b"]}, {"model": "b", "messages": [{"model": "c"}], "stop": ["d"]}]}"#,
        r#"{"requests": [{"params": {"model": "b", "messages": []}}]}"#,
        r#"{"functions": [{"model": "b"}]}"#,
    ] {
        assert_eq!(names(body), ["b"], "{body}");
    }
}

#[test]
fn what_a_caller_writes_freely_names_no_model() {
    for body in [
        r#"{"messages": [{"role": "user", "content": "model: b", "model": "b"}]}"#,
        r#"{"messages": [{"content": [{"type": "tool_use", "input": {"model": "b", "tools": [{"model": "b"}]}}]}]}"#,
        r#"{"contents": [{"parts": [{"functionCall": {"args": {"model": "b"}}}]}]}"#,
        r#"{"contents": [{"parts": [{"functionResponse": {"response": {"model": "b"}}}]}]}"#,
        r#"{"input": ["model", "b"]}"#,
        r#"{"input": [{"type": "image_generation_call", "svg_usage": {"model": "b"}}]}"#,
        r#"{"metadata": {"model": "b", "x": {"fallbacks": ["b"]}}}"#,
        r#"{"metadata": "{not JSON, model b}"}"#,
        r#"{"tools": [{"function": {"parameters": {"properties": {"model": {"enum": ["b"]}}, "model": "b"}}}]}"#,
        r#"{"tools": [{"name": "x", "input_schema": {"model": "b"}}]}"#,
        r#"{"response_format": {"json_schema": {"schema": {"model": "b"}}}}"#,
        r#"{"text": {"format": {"schema": {"model": "b"}}}}"#,
        r#"{"documents": [{"model": "b"}]}"#,
        r#"{"fallbacks": "default"}"#,
        r#"{"disable_fallbacks": true, "x": {"model": null}, "y": {"model": ""}}"#,
    ] {
        assert_eq!(names(body), Vec::<String>::new(), "{body}");
    }
}

#[test]
fn several_names_in_one_string_are_several_models() {
    assert_eq!(names(r#"{"x": {"model": "a, b"}}"#), ["a, b", "a", "b"]);
}

#[test]
fn what_stands_for_a_model_is_judged_by_its_id() {
    for (body, name) in [
        (r#"{"prompt_id": "p"}"#, "prompt_id:p"),
        (r#"{"prompt": {"id": "p", "variables": {"model": "x"}}}"#, "prompt:p"),
        (r#"{"assistant_id": "a"}"#, "assistant_id:a"),
        (r#"{"agent": "deep-research"}"#, "agent:deep-research"),
        (r#"{"preset": "mine"}"#, "preset:mine"),
        (r#"{"cachedContent": "cachedContents/c"}"#, "cachedContent:cachedContents/c"),
    ] {
        assert_eq!(names(body), [name], "{body}");
    }
}

#[test]
fn what_chooses_deployments_or_addresses_is_refused() {
    for body in [
        r#"{"router_settings_override": {"fallbacks": []}}"#,
        r#"{"model_info": {"id": "x"}}"#,
        r#"{"extra_body": {"api_base": "https://a"}}"#,
        r#"{"api_base": "https://a"}"#,
        r#"{"user_config": {"model_list": [{"litellm_params": {"api_key": "k"}}]}}"#,
        r#"{"user_config": {"model_list": [{"litellm_params": {"api_base": "https://a"}}]}}"#,
    ] {
        assert!(read(body).is_err(), "{body}");
    }
    let rules = Rules { route: "/model/new" };
    assert!(body::read(br#"{"model_info": {"id": "x"}, "litellm_params": {"api_key": "k"}}"#, rules).is_ok());
}

#[test]
fn a_name_that_is_no_string_is_refused_where_only_names_may_be() {
    for body in [r#"{"fallbacks": [1]}"#, r#"{"models": true}"#, r#"{"fallbacks": [{"Model": "b"}]}"#] {
        assert!(read(body).is_err(), "{body}");
    }
}

#[test]
fn the_largest_limit_counts() {
    let body = r#"{"max_tokens": 5, "max_completion_tokens": 4096.0, "max_output_tokens": null}"#;
    assert_eq!(used(body).unwrap().max_tokens, Some(4096));
    assert_eq!(used("{}").unwrap().max_tokens, None);
    assert_eq!(used(r#"{"max_tokens": 1e300}"#).unwrap().max_tokens, Some(i64::MAX));
    assert_eq!(used(r#"{"max_tokens": 1.2}"#).unwrap().max_tokens, Some(2));
}

#[test]
fn a_number_that_some_reader_takes_otherwise_is_refused() {
    for body in [
        r#"{"max_tokens": "4096"}"#,
        r#"{"n": [2]}"#,
        r#"{"n": {}}"#,
        r#"{"temperature": "0"}"#,
        r#"{"stream": "true"}"#,
        r#"{"max_tokens": 1, "max_tokens": 2}"#,
        r#"{"Max_Tokens": 1}"#,
    ] {
        assert!(used(body).is_err(), "{body}");
    }
}

#[test]
fn numbers_are_found_in_each_apis_words() {
    for body in [
        r#"{"generationConfig": {"maxOutputTokens": 9, "candidateCount": 3, "temperature": 1.5}}"#,
        r#"{"extra_body": {"max_tokens": 9, "n": 3, "temperature": 1.5}}"#,
        r#"{"extra_body": {"extra_body": {"Max_Tokens": "9", "best_of": 3, "temperature": 1.5}}}"#,
        r#"{"options": {"num_predict": 9, "temperature": 1.5}, "n": 3}"#,
        r#"{"inferenceConfig": {"maxTokens": 9, "temperature": 1.5}, "best_of": 3}"#,
        r#"{"requests": [{"params": {"max_tokens": 9, "temperature": 1.5, "n": 3}}, {"params": {"max_tokens": 2}}]}"#,
        r#"{"max_tokens": 1, "n": 1, "temperature": 0, "x": {"max_tokens": 9, "n": 3, "temperature": 1.5}}"#,
    ] {
        let used = used(body).unwrap();
        assert_eq!((used.max_tokens, used.n, used.temperature), (Some(9), Some(3), Some(1.5)), "{body}");
    }
    let none = used(r#"{"x": {"max_tokens": 9, "n": 3, "temperature": 1.5}}"#).unwrap();
    assert_eq!((none.max_tokens, none.n, none.temperature), (None, None, None));
    let endless = used(r#"{"session": {"max_response_output_tokens": "inf"}}"#).unwrap();
    assert_eq!(endless.max_tokens, Some(i64::MAX));
}

#[test]
fn streams_are_found_in_what_is_added_to_a_request() {
    assert!(used(r#"{"extra_body": {"stream": true}}"#).unwrap().stream);
    assert!(!used(r#"{"stream": null, "extra_body": {"stream": false}}"#).unwrap().stream);
}

#[test]
fn a_lone_surrogate_is_refused_in_what_is_only_counted_too() {
    for body in [r#"{"functions": ["\ud800"]}"#, r#"{"image": "\udc00"}"#, r#"{"audio": {"\ud800": 1}}"#] {
        assert!(used(body).is_err(), "{body}");
    }
}

#[test]
fn tools_are_counted_in_each_apis_form() {
    for (body, tools) in [
        (r#"{"tools": [{"type": "function"}, {"type": "web_search"}], "functions": [{"name": "f"}]}"#, 3),
        (r#"{"tools": null, "functions": []}"#, 0),
        (r#"{"tools": {"functionDeclarations": []}}"#, 1),
        (r#"{"extra_body": {"tools": [{}]}}"#, 1),
        (r#"{"web_search_options": {}}"#, 1),
        (r#"{"web_search_options": null}"#, 0),
        (r#"{"mcp_servers": [{"url": "x"}, {}]}"#, 2),
        (r#"{"input": [{"type": "additional_tools", "tools": [{}]}]}"#, 1),
    ] {
        assert_eq!(used(body).unwrap().tools, tools, "{body}");
    }
}

#[test]
fn images_and_audio_are_found_in_each_apis_form() {
    let images = [
        r#"{"messages": [{"content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}"#,
        r#"{"messages": [{"content": [{"type": "image\u005furl"}]}]}"#,
        r#"{"messages": [{"content": [{"type": "image", "source": {}}]}]}"#,
        r#"{"messages": [{"content": [{"type": "document", "source": {"media_type": "IMAGE/PNG"}}]}]}"#,
        r#"{"messages": [{"content": [{"type": "file", "file": {"file_data": "data:image\/png;base64,"}}]}]}"#,
        r#"{"messages": [{"content": [{"image": {"format": "png"}}]}]}"#,
        r#"{"messages": [{"images": ["iVBO"]}]}"#,
        r#"{"input": [{"content": [{"type": "input_image"}]}]}"#,
        r#"{"input": [{"type": "computer_call_output", "output": {"type": "computer_screenshot"}}]}"#,
        r#"{"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}]}]}"#,
        r#"{"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}"#,
        r#"{"modalities": ["image", "text"]}"#,
        r#"{"image": "x"}"#,
        r#"{"extra_body": {"messages": [{"content": [{"type": "image_url"}]}]}}"#,
    ];
    for body in images {
        assert!(used(body).unwrap().images, "{body}");
    }
    let audio = [
        r#"{"messages": [{"content": [{"type": "input_audio"}]}]}"#,
        r#"{"contents": [{"parts": [{"inline_data": {"mime_type": "audio/wav"}}]}]}"#,
        r#"{"audio": {"voice": "x"}}"#,
        r#"{"modalities": ["text", "audio"]}"#,
        r#"{"session": {"audio": {"output": {}}}}"#,
    ];
    for body in audio {
        assert!(used(body).unwrap().audio, "{body}");
    }
    let neither = r#"{"messages": [{"type": "text", "content": "image_url", "audio": null}], "audio": null}"#;
    assert!(!used(neither).unwrap().images && !used(neither).unwrap().audio);
}
