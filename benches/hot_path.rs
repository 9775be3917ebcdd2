//! Repeats one stage of a request, so that `benches/instructions` can count its instructions: `hot_path STAGE
//! TIMES`.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use modelgate::authn::{Bearer, KeySet, VerifiedClaims, verify};
use modelgate::config::Config;
use modelgate::engine::Snapshot;
use modelgate::request::{ApiCall, RequestContext, RequestParts, classify};

/// A public key, and a token that its private key signed. The token expires in 2100.
const KEYS: &str = include_str!("hot_path/jwks.json");
const TOKEN: &str = include_str!("hot_path/token");
const BODY: &str = include_str!("hot_path/body.json");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(stage), Some(Ok(times))) = (arguments.first(), arguments.get(1).map(|times| times.parse()))
    else {
        // `cargo bench` runs this program without arguments.
        eprintln!("usage: hot_path verify|identify|classify|authorize|pipeline TIMES");
        return;
    };
    let request = Request::new();
    let (claims, call) = (request.verify(), request.classify());
    let caller = request.snapshot.identify(&claims);
    let run: &dyn Fn() = match stage.as_str() {
        "verify" => &|| drop(black_box(request.verify())),
        "identify" => &|| drop(black_box(request.snapshot.identify(&claims))),
        "classify" => &|| drop(black_box(request.classify())),
        "authorize" => &|| drop(black_box(request.snapshot.decide(&caller, &call).unwrap())),
        "pipeline" => &|| {
            let caller = request.snapshot.identify(&request.verify());
            drop(black_box(request.snapshot.authorize(&caller, request.classify()).unwrap()));
        },
        _ => unreachable!("no such stage"),
    };
    (0..times).for_each(|_: u32| run());
}

/// A request that the documented example decides.
struct Request {
    snapshot: Snapshot,
    keys: [Arc<KeySet>; 1],
    headers: HeaderMap,
}

impl Request {
    fn new() -> Self {
        let environment = |name: &str| match name {
            "JWT_PUBLIC_KEY_URL" => Some("https://login.example.com/keys".to_owned()),
            "JWT_AUDIENCE" => Some("00000000-0000-0000-0000-000000000000".to_owned()),
            _ => None,
        };
        let example = include_str!("../examples/azure-ad.yaml");
        let config = Config::parse("azure-ad.yaml", example, ".".as_ref(), &environment).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {}", TOKEN.trim()).parse().unwrap());
        let keys = [Arc::new(KeySet::parse(KEYS.as_bytes()).unwrap())];
        Self { snapshot: Snapshot::build(config).unwrap(), keys, headers }
    }

    fn verify(&self) -> VerifiedClaims {
        let rules = &self.snapshot.config().jwt.as_ref().unwrap().tokens;
        verify(&Bearer::from_headers(&self.headers).unwrap(), |_| &self.keys, rules, SystemTime::now())
            .unwrap()
    }

    fn classify(&self) -> ApiCall {
        let parts = RequestParts {
            method: &Method::POST,
            path: "/v1/chat/completions",
            query: None,
            headers: &self.headers,
            body: BODY.as_bytes(),
        };
        classify(&parts).unwrap().with_context(RequestContext::now())
    }
}
