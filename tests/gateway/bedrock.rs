//! Bedrock in its own API. The upstream of these tests verifies each signature with the signer of the AWS SDK.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tracing::dispatcher::{self, Dispatch};

use crate::capture;
use crate::configured::gate;
use crate::fixture::{Fixture, Message, answer, read_message, soon};

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION: &str = "session-token-of-the-gateway";
const MODELS: &str = "
model_list:
  - {model_name: claude, litellm_params: {model: bedrock/converse/anthropic.claude-3-5-sonnet-20240620-v1:0,
      aws_access_key_id: AKIDEXAMPLE, aws_secret_access_key: os.environ/SECRET, aws_region_name: eu-west-1,
      aws_bedrock_runtime_endpoint: 'http://UPSTREAM', temperature: 0.5}}
  - {model_name: 'arn:aws:bedrock:us-east-1:1:inference-profile/us.x', litellm_params: {model: 'bedrock/arn:aws:bedrock:us-east-1:1:inference-profile/us.x',
      api_base: 'http://UPSTREAM'}}
  - {model_name: keyed, litellm_params: {model: bedrock/us.amazon.nova-lite-v1:0, api_key: bedrock-api-key, api_base: 'http://UPSTREAM'}}
";
const LISTED: &str = "[claude, keyed, 'arn:aws:bedrock:us-east-1:1:inference-profile/us.x']";
const VARIABLES: [(&str, &str); 4] = [
    ("SECRET", SECRET),
    ("AWS_ACCESS_KEY_ID", ID),
    ("AWS_SECRET_ACCESS_KEY", SECRET),
    ("AWS_SESSION_TOKEN", SESSION),
];

fn headers(gate: &Fixture) -> String {
    format!("authorization: Bearer {}\r\ncontent-type: application/json\r\n", gate.token(&["basic_user"]))
}

/// Signs the received request again, and compares the signatures.
fn verify(request: &Message, region: &str, session: Option<&str>) {
    let header = |name: &str| request.header(name).unwrap_or_else(|| panic!("{name}: {}", request.head));
    let date = header("x-amz-date");
    let number = |range: std::ops::Range<usize>| date[range].parse::<u64>().unwrap();
    let seconds = number(9..11) * 3600 + number(11..13) * 60 + number(13..15);
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400;
    // The date may have changed at midnight.
    let expected = [today, today - 1].map(|day| {
        let time = UNIX_EPOCH + Duration::from_secs(day * 86_400 + seconds);
        signature(request, (region, session), time)
    });
    assert!(
        expected.iter().any(|expected| expected == header("authorization")),
        "{expected:?}\n{}",
        request.head
    );
    assert_eq!(request.header("x-amz-security-token"), session);
}

fn signature(request: &Message, (region, session): (&str, Option<&str>), time: SystemTime) -> String {
    let identity = Credentials::new(ID, SECRET, session.map(str::to_owned), None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("bedrock")
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let mut words = request.head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let authorization = request.header("authorization").unwrap();
    let names = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    let made = ["host", "x-amz-date", "x-amz-security-token"];
    let signed: Vec<_> = names.split(';').filter(|name| !made.contains(name)).collect();
    assert!(signed.contains(&"content-type"), "{names}");
    let signed = signed.into_iter().map(|name| (name, request.header(name).unwrap()));
    let uri = format!("http://{}{path}", request.header("host").unwrap());
    let body = SignableBody::Bytes(request.body.as_bytes());
    let signable = SignableRequest::new(method, uri, signed, body).unwrap();
    // The signer logs the text that it signs, and all tests of a process share the log.
    let signed = dispatcher::with_default(&Dispatch::none(), || sign(signable, &parameters));
    let (instructions, _) = signed.unwrap().into_parts();
    let found = instructions.headers().find(|(name, _)| *name == "authorization");
    found.unwrap().1.to_owned()
}

/// The request that Bedrock receives.
async fn forwarded(gate: &Fixture, path: &str, more: &str) -> Message {
    let body = json!({"messages": [], "inferenceConfig": {"maxTokens": 3}}).to_string();
    let mut client = gate.send("POST", path, &format!("{}{more}", headers(gate)), &body).await;
    let (mut upstream, request) = gate.arriving().await;
    answer(&mut upstream, "{}").await;
    assert_eq!(soon(read_message(&mut client)).await.status(), "200");
    assert_eq!(request.body, body, "no body is changed");
    request
}

fn path_of(request: &Message) -> &str {
    request.head.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn each_operation_is_signed_and_names_the_models_id() {
    let gate = gate(LISTED, MODELS, &VARIABLES).await;
    for mount in ["", "/bedrock"] {
        for operation in
            ["converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens"]
        {
            let request = forwarded(&gate, &format!("{mount}/model/claude/{operation}"), "").await;
            let expected = format!("/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/{operation}");
            assert_eq!(path_of(&request), expected);
            verify(&request, "eu-west-1", None);
        }
    }
}

#[tokio::test]
async fn an_arn_is_judged_and_sent_whole_and_its_region_is_signed() {
    let gate = gate(LISTED, MODELS, &VARIABLES).await;
    let arn = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x";
    let request = forwarded(&gate, &format!("/model/{arn}/converse"), "").await;
    assert_eq!(path_of(&request), format!("/model/{arn}/converse"));
    verify(&request, "us-east-1", Some(SESSION));
    let denied = gate.refused("POST", &format!("/model/{arn}2/converse"), &headers(&gate), "{}").await;
    assert_eq!(denied.status(), "403", "{}", denied.body);
}

#[tokio::test]
async fn a_key_of_bedrock_is_a_bearer_token() {
    let gate = gate(LISTED, MODELS, &VARIABLES).await;
    let request = forwarded(&gate, "/model/keyed/invoke", "").await;
    assert_eq!(path_of(&request), "/model/us.amazon.nova-lite-v1%3A0/invoke");
    assert_eq!(request.header("authorization"), Some("Bearer bedrock-api-key"));
    assert_eq!(request.header("x-amz-date"), None);
}

#[tokio::test]
async fn a_callers_own_signature_never_goes_upstream() {
    let gate = gate(LISTED, MODELS, &VARIABLES).await;
    let body = r#"{"messages":[]}"#;
    let own = format!(
        "authorization: AWS4-HMAC-SHA256 Credential=CALLERKEY/x\r\nx-amz-security-token: callers\r\nx-amz-date: \
         20200101T000000Z\r\nx-amz-content-sha256: 00\r\nx-amz-target: Other.Operation\r\ncontent-type: \
         application/json\r\nx-litellm-api-key: Bearer {}\r\n",
        gate.token(&["basic_user"])
    );
    for path in ["/model/claude/converse", "/model/keyed/converse"] {
        let _client = gate.send("POST", path, &own, body).await;
        let (_upstream, request) = gate.arriving().await;
        for part in ["CALLERKEY", "callers", "20200101", "x-amz-content-sha256", "x-amz-target"] {
            assert!(!request.head.contains(part), "{part}: {}", request.head);
        }
    }
}

#[tokio::test]
async fn what_would_need_a_translation_is_answered_with_501() {
    let gate = gate(LISTED, MODELS, &VARIABLES).await;
    for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses"] {
        let body = json!({"model": "claude", "messages": [], "max_tokens": 1}).to_string();
        let answer = gate.refused("POST", path, &headers(&gate), &body).await;
        assert_eq!(answer.status(), "501", "{path}: {}", answer.body);
        assert!(answer.body.contains("does not translate requests"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_denial_has_the_form_of_bedrocks_errors() {
    let gate = gate("[keyed]", MODELS, &VARIABLES).await;
    let denied = gate.refused("POST", "/model/claude/converse", &headers(&gate), "{}").await;
    let body: Value = serde_json::from_str(&denied.body).unwrap();
    assert_eq!((denied.status(), &body["__type"]), ("403", &json!("AccessDeniedException")));
}

#[tokio::test]
async fn no_key_of_aws_is_in_a_log_or_a_metric() {
    capture::begin();
    let gate = gate(LISTED, MODELS, &VARIABLES).await;
    let request = forwarded(&gate, "/model/claude/converse", "").await;
    let arn = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x";
    forwarded(&gate, &format!("/model/{arn}/converse"), "").await;
    forwarded(&gate, "/model/keyed/converse", "").await;
    let signature = request.header("authorization").unwrap().split("Signature=").nth(1).unwrap().to_owned();
    let log = capture::so_far();
    assert!(log.contains("permitted"), "{log}");
    for secret in [ID, SECRET, SESSION, "bedrock-api-key", &signature] {
        assert!(!log.contains(secret), "{log}");
    }
    let config = format!("{:?}", gate.gateway.active().snapshot().config());
    for secret in [SECRET, SESSION, "bedrock-api-key"] {
        assert!(!config.contains(secret), "{config}");
    }
}

#[tokio::test]
async fn each_attempt_is_signed_by_itself() {
    let entry = |model: &str, region: &str, order: u32| {
        format!(
            "  - {{model_name: claude, litellm_params: {{model: bedrock/{model}, aws_access_key_id: AKIDEXAMPLE, \
             aws_secret_access_key: os.environ/SECRET, aws_region_name: {region}, order: {order}, \
             aws_bedrock_runtime_endpoint: 'http://UPSTREAM'}}}}\n"
        )
    };
    let models = format!("\nmodel_list:\n{}{}", entry("one", "eu-west-1", 1), entry("two", "us-east-1", 2));
    let gate = gate(LISTED, &models, &VARIABLES).await;
    let mut client = gate.send("POST", "/model/claude/converse", &headers(&gate), "{}").await;
    let (mut first, request) = gate.arriving().await;
    assert_eq!(path_of(&request), "/model/one/converse");
    verify(&request, "eu-west-1", None);
    soon(first.write_all(b"HTTP/1.1 503 Failed\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
        .await
        .unwrap();
    drop(first);
    let (mut second, request) = gate.arriving().await;
    assert_eq!(path_of(&request), "/model/two/converse");
    verify(&request, "us-east-1", None);
    answer(&mut second, "{}").await;
    assert_eq!(soon(read_message(&mut client)).await.status(), "200");
}
