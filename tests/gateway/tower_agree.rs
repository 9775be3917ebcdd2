//! The tower layer, and rules without a gateway, have the gateway's verdict on each case file.

use http_body_util::Full;
use hyper::Request;
use hyper::header::CONTENT_ENCODING;
use modelgate::offline::Question;
use modelgate::reload::Rules;
use modelgate::request::RequestContext;
use tokio::net::TcpListener;

use crate::cases::{self, Case};
use crate::doors_agree::{MODELS, Verdict, answer_everything, clone_of, exchange, is_plain};
use crate::fixture::{Fixture, yaml};
use crate::tower::{layer, through};

const SETTINGS: &str = "upstream: {api_base: 'http://UPSTREAM', pass: all}";

/// The request of a case with this header.
fn request(case: &Case, header: Option<&str>) -> Request<Vec<u8>> {
    case.with(|head| {
        let query = head.query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut request = Request::new(case.body());
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = format!("{}{query}", head.path).parse().unwrap();
        *request.headers_mut() = head.headers.clone();
        if let Some(value) = header {
            request.headers_mut().insert("authorization", value.parse().unwrap());
        }
        request
    })
}

#[tokio::test]
async fn every_case_has_the_gateways_verdict_in_this_process() {
    let gate = Fixture::with(SETTINGS).await;
    gate.gateway.activate(gate.generation_as(SETTINGS, MODELS));
    let address = gate.upstream.local_addr().unwrap();
    let upstream = TcpListener::from_std(std::net::TcpListener::from(clone_of(&gate.upstream))).unwrap();
    tokio::spawn(answer_everything(upstream));
    let file = gate.directory.path().join("config.yaml");
    let settings = SETTINGS.replace("UPSTREAM", &address.to_string());
    std::fs::write(&file, yaml(address, ["", &settings, MODELS])).unwrap();
    let rules = Rules::load_with(file, Box::new(|_| None)).unwrap();

    let bearer = format!("Bearer {}", gate.token(&["basic_user"]));
    let (mut compared, mut by_rules, mut permitted) = (0, 0, 0);
    for (file, case) in cases::all().into_iter().filter(|(_, case)| is_plain(case)) {
        let name = format!("{file}: {}", case.name);
        let sent = request(&case, Some(&bearer));
        let headers: String = sent
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()))
            .collect();
        let head = format!("{} {}", sent.method(), sent.uri());
        let answer = exchange(gate.address, &head, &headers, sent.body()).await;
        let by_gateway = Verdict::of(answer.status());
        let outcome = through(layer(&gate), sent.map(|body| Full::new(body.into()))).await;
        let by_layer = Verdict::of(outcome.status.as_str());
        assert_eq!(by_layer, by_gateway, "{name}: {answer:?} {outcome:?}");
        compared += 1;
        permitted += usize::from(by_gateway == Verdict::Permitted);

        let (head, body) = request(&case, None).into_parts();
        // Without the gateway, nobody decodes a body.
        if head.headers.contains_key(CONTENT_ENCODING) {
            continue;
        }
        let question = Question {
            claims: serde_json::from_str(r#"{"sub": "u", "roles": ["basic_user"]}"#).unwrap(),
            method: head.method,
            path: head.uri.to_string(),
            headers: head.headers,
            body,
            request_context: RequestContext::now(),
        };
        let answer = rules.decide(&question);
        assert_eq!(Verdict::of(&answer.status.to_string()), by_gateway, "{name}: {answer:?}");
        by_rules += 1;
    }
    assert!(compared > 300 && permitted > 50 && permitted < compared, "{permitted} of {compared}");
    assert!(by_rules > 280, "{by_rules}");
}
