//! Every request that the pinned SDKs send has its route in the table.
//!
//! `run` recorded `recorded.jsonl`, one request on each line. `SURFACE_RECORDING` names another recording to test.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use modelgate::routes::surface::{ErrorShape, ModelUse, Place, Route, is_sdk_route, lookup};
use serde::Deserialize;

#[derive(Deserialize)]
struct Request {
    client: String,
    call: String,
    method: String,
    path: String,
    headers: Vec<String>,
    named: Vec<String>,
}

impl Request {
    fn route(&self) -> Option<&'static Route> {
        lookup(&self.method.parse::<Method>().ok()?, &self.path())
    }

    /// The path, with a plain name in place of each id.
    fn path(&self) -> String {
        self.path.replace(['{', '}'], "")
    }

    fn is_closed(&self) -> bool {
        !is_sdk_route(&self.path())
    }

    /// The places in which the client names a model, or an id that stands for one, to run it. The query of a GET only
    /// filters, except for a WebSocket. Other methods manage the model.
    fn models(&self) -> impl Iterator<Item = &str> {
        let runs = self.method == "POST" || self.headers.iter().any(|name| name == "upgrade");
        self.named.iter().map(String::as_str).filter(move |_| runs)
    }
}

fn recorded() -> Vec<Request> {
    let committed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/surface/recorded.jsonl");
    let path = std::env::var_os("SURFACE_RECORDING").map_or_else(committed, PathBuf::from);
    let text = std::fs::read_to_string(path).expect("a recording");
    let requests: Vec<Request> =
        text.lines().map(|line| serde_json::from_str(line).expect("a recorded request")).collect();
    assert!(requests.len() > 1000, "the recording is short");
    requests
}

/// The errors, one on each line.
fn assert_none(wrong: impl Iterator<Item = String>) {
    let mut wrong: Vec<String> = wrong.collect();
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Addresses in the first response of an upload, and Ollama's own service, are not routes of an API.
fn is_ours(request: &&Request) -> bool {
    request.path != "/upload-session"
}

#[test]
fn every_request_of_the_sdks_has_a_route() {
    let requests = recorded();
    let unknown = requests.iter().filter(is_ours).filter(|request| request.route().is_none());
    assert_none(unknown.map(|r| format!("{} {} {} ({})", r.client, r.method, r.path, r.call)));
}

#[test]
fn a_route_where_an_sdk_names_a_model_says_where() {
    let requests = recorded();
    let wrong = requests.iter().flat_map(|request| {
        let route = request.route();
        let places = route.map(|route| [route.models(), route.references()].concat()).unwrap_or_default();
        let open = request.models().filter(|_| !request.is_closed());
        let missing = open.filter(move |named| !places.iter().any(|place| is(place, named)));
        missing.map(|named| format!("{} {} names {named}", request.method, request.path))
    });
    assert_none(wrong);
}

fn is(place: &Place, named: &str) -> bool {
    let (at, name) = named.split_once(':').unwrap_or((named, ""));
    match place {
        Place::Path(_) => at == "path",
        Place::Query(key) => at == "query" && *key == name,
        Place::Form(key) => at == "form" && *key == name,
        // The first frame of a WebSocket is recorded as a body.
        Place::Body(key) | Place::Frame(key) => at == "body" && *key == name,
        Place::Lines(_) => false,
    }
}

#[test]
fn a_request_that_must_name_a_model_names_one() {
    let requests = recorded();
    let named = |r: &&Request| r.route().is_some_and(|route| route.model_use() == ModelUse::Named);
    let without = requests.iter().filter(named).filter(|r| r.named.is_empty());
    assert_none(without.map(|r| format!("{} {} {} ({})", r.client, r.method, r.path, r.call)));
}

#[test]
fn clients_read_errors_in_the_form_of_their_own_api() {
    let requests = recorded();
    let wrong = requests.iter().filter(is_ours).filter_map(|request| {
        let names = request.headers.iter().map(|name| HeaderName::try_from(name.as_str()).expect("a name"));
        let headers: HeaderMap = names.map(|name| (name, HeaderValue::from_static("x"))).collect();
        let shape = request.route()?.error_shape(ErrorShape::by_headers(&headers));
        let expected: &[ErrorShape] = match request.client.split('-').next()? {
            "anthropic" => &[ErrorShape::Anthropic],
            "google" => &[ErrorShape::Google],
            "mistral" => &[ErrorShape::Mistral, ErrorShape::OpenAi],
            "cohere" => &[ErrorShape::Cohere, ErrorShape::OpenAi],
            "ollama" => &[ErrorShape::Ollama, ErrorShape::OpenAi],
            _ => &[ErrorShape::OpenAi],
        };
        let told = || format!("{} {} {}: {shape:?}", request.client, request.method, request.path);
        (!expected.contains(&shape)).then(told)
    });
    assert_none(wrong);
}

#[test]
fn the_calls_that_are_not_driven_do_not_grow_in_number() {
    const MOST: usize = 120;
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/surface/undriven.txt"));
    let calls = text.expect("the list").lines().count();
    assert!(calls <= MOST, "{calls} calls are not driven");
}
