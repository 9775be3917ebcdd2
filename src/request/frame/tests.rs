use http::{HeaderMap, Method};

use super::*;

fn read(path: &str, model: Option<&str>, text: &str) -> Result<Frame, Malformed> {
    let headers = HeaderMap::new();
    let model = model.map(|model| ModelName::new(model).unwrap());
    let head = RequestHead { method: &Method::GET, path, query: None, headers: &headers };
    let names_each = path.ends_with("/responses");
    Frame::read(&Socket { head, model: model.as_ref(), names_each }, text.as_bytes(), 127)
}

fn named(frame: &Frame) -> Vec<&str> {
    frame.call().models().map(ModelName::as_str).collect()
}

fn renamed(frame: &Frame, text: &str) -> Option<String> {
    frame.renamed(text, Some("up"), |name| (name.as_str() == "whisper").then(|| "whisper-1".to_owned()))
}

#[test]
fn the_model_of_a_session_a_response_or_a_setup_is_the_one_asked_for() {
    for text in [
        r#"{"type": "response.create", "model": "a"}"#,
        r#"{"type": "session.update", "session": {"model": "a"}}"#,
        r#"{"type": "response.create", "response": {"model": "\u0061"}}"#,
    ] {
        let frame = read("/v1/realtime", Some("b"), text).unwrap();
        assert_eq!(frame.asked().map(ModelName::as_str), Some("a"), "{text}");
        assert_eq!(named(&frame), ["a", "b"], "{text}");
        assert!(renamed(&frame, text).unwrap().contains(r#""model": "up""#), "{text}");
    }
}

#[test]
fn a_message_without_a_model_is_one_for_the_connections() {
    let text = r#"{"type": "response.cancel"}"#;
    let frame = read("/v1/realtime", Some("b"), text).unwrap();
    assert_eq!((frame.asked(), named(&frame)), (None, vec!["b"]));
    assert_eq!(renamed(&frame, text), None);
}

#[test]
fn a_model_that_transcribes_is_judged_beside_the_other_and_renamed_alone() {
    let text = r#"{"session": {"audio": {"input": {"transcription": {"model": "whisper"}}}}}"#;
    let frame = read("/v1/realtime", Some("b"), text).unwrap();
    assert_eq!((frame.asked(), named(&frame)), (None, vec!["b", "whisper"]));
    assert!(renamed(&frame, text).unwrap().contains(r#"{"model": "whisper-1"}"#));
}

#[test]
fn a_connection_without_a_model_takes_the_one_that_transcribes() {
    let text = r#"{"session": {"input_audio_transcription": {"model": "whisper"}}}"#;
    let frame = read("/v1/realtime", None, text).unwrap();
    assert_eq!(frame.asked().map(ModelName::as_str), Some("whisper"));
}

#[test]
fn google_writes_a_prefix_that_is_no_part_of_the_name() {
    let path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
    let text = r#"{"setup": {"model": "models/live"}}"#;
    let frame = read(path, None, text).unwrap();
    assert_eq!(named(&frame), ["live"]);
    assert_eq!(renamed(&frame, text).as_deref(), Some(r#"{"setup": {"model": "models/up"}}"#));
}

#[test]
fn a_response_that_names_no_model_is_asked_of_the_connections() {
    let text = r#" {"type":"response.create"}"#;
    let frame = read("/v1/responses", Some("b"), text).unwrap();
    assert_eq!(renamed(&frame, text).as_deref(), Some(r#" {"model":"up","type":"response.create"}"#));
    let other = r#"{"type": "response.cancel"}"#;
    assert_eq!(renamed(&read("/v1/responses", Some("b"), other).unwrap(), other), None);
}

#[test]
fn a_message_that_can_be_read_in_two_ways_is_refused() {
    for text in [
        "",
        "hello",
        "[]",
        "1",
        r#"{"model": "a"} {}"#,
        r#"{"model": "a", "model": "a"}"#,
        r#"{"session": {"model": "a", "model": "b"}}"#,
        r#"{"model": "a", "session": {"model": "b"}}"#,
        r#"{"session": {"model": 1}}"#,
        r#"{"session": {"model": ["a"]}}"#,
        r#"{"Model": "a"}"#,
        r#"{"model": "a\u0000"}"#,
    ] {
        assert!(read("/v1/realtime", Some("b"), text).is_err(), "{text}");
    }
}

#[test]
fn what_is_said_and_what_tools_answer_names_no_model() {
    for text in [
        r#"{"type": "conversation.item.create", "item": {"output": {"model": "x"}}}"#,
        r#"{"toolResponse": {"functionResponses": [{"response": {"model": "x"}}]}}"#,
        r#"{"clientContent": {"turns": [{"parts": [{"text": "x", "model": "x"}]}]}}"#,
    ] {
        assert_eq!(named(&read("/v1/realtime", Some("b"), text).unwrap()), ["b"], "{text}");
    }
}

#[test]
fn sound_is_told_from_what_may_name_a_model() {
    for (text, is_media) in [
        (r#"{"type": "input_audio_buffer.append", "audio": "AAAA"}"#, true),
        (r#"{"realtimeInput": {"audio": {"data": "AAAA"}}}"#, true),
        (r#"{"type": "input_audio_buffer.append", "model": "a"}"#, false),
        (r#"{"type": "input_audio_buffer.append", "x": {"model": "a"}}"#, false),
        (r#"{"type": "response.create"}"#, false),
    ] {
        assert_eq!(read("/v1/realtime", Some("b"), text).unwrap().is_media(), is_media, "{text}");
    }
}

#[test]
fn the_id_of_an_event_is_found_for_its_answer() {
    assert_eq!(event_id(br#"{"type": "x", "event_id": "e\u0031"}"#).as_deref(), Some("e1"));
    assert_eq!(event_id(br#"{"event_id": 1}"#), None);
    assert_eq!(event_id(format!(r#"{{"event_id": "{}"}}"#, "x".repeat(257)).as_bytes()), None);
}
