//! Repeats one stage of a request, so that `benches/instructions` can count its instructions: `hot_path STAGE
//! TIMES`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::future::Future as _;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use modelgate::authn::{Bearer, KeySet, VerifiedClaims, verify};
use modelgate::config::{Config, TokenRules};
use modelgate::engine::Snapshot;
use modelgate::gateway::internal::NewTokens;
use modelgate::identity::Caller;
use modelgate::request::{ApiCall, RequestContext, RequestParts, classify};

/// Public keys, and a token that each private key signed, with the same claims. The tokens expire in 2100.
const KEYS: &str = include_str!("hot_path/jwks.json");
const TOKEN: &str = include_str!("hot_path/token");
const ES256: &str = include_str!("hot_path/token_es256");
const EDDSA: &str = include_str!("hot_path/token_eddsa");
const BODY: &str = include_str!("hot_path/body.json");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(stage), Some(Ok(times))) = (arguments.first(), arguments.get(1).map(|times| times.parse()))
    else {
        // `cargo bench` runs this program without arguments.
        eprintln!(
            "usage: hot_path verify|verify_es256|verify_eddsa|identify|classify|authorize|pipeline|new_token|\
             raw_rs256|raw_es256|raw_eddsa TIMES"
        );
        return;
    };
    let request = Request::new(match stage.as_str() {
        "verify_es256" => ES256,
        "verify_eddsa" => EDDSA,
        _ => TOKEN,
    });
    let (claims, call) = (request.verify(), request.classify());
    let caller = request.snapshot.identify(&claims);
    let raw = raw(stage);
    let run: &dyn Fn() = match stage.as_str() {
        "verify" | "verify_es256" | "verify_eddsa" => &|| drop(black_box(request.verify())),
        "identify" => &|| drop(black_box(request.snapshot.identify(&claims))),
        "classify" => &|| drop(black_box(request.classify())),
        "authorize" => &|| drop(black_box(request.snapshot.decide(&caller, &call).unwrap())),
        "pipeline" => &|| {
            let caller = request.snapshot.identify(&request.verify());
            drop(black_box(request.snapshot.authorize(&caller, request.classify()).unwrap()));
        },
        "new_token" => &|| {
            let caller = request.new_token();
            drop(black_box(request.snapshot.authorize(&caller, request.classify()).unwrap()));
        },
        _ => {
            let (key, message, signature) = raw.as_ref().expect("a known stage");
            &|| key.verify_sig(black_box(message), signature).unwrap()
        }
    };
    (0..times).for_each(|_: u32| run());
}

/// For the stages that only verify a signature with a parsed key, whatever the message: the key, the head and claims of a
/// token, and their signature.
fn raw(stage: &str) -> Option<(ParsedPublicKey, &'static [u8], Vec<u8>)> {
    let (message, signature) = TOKEN.trim().rsplit_once('.').unwrap();
    let message = message.as_bytes();
    match stage {
        "raw_rs256" => {
            let keys: serde_json::Value = serde_json::from_str(KEYS).unwrap();
            let number = |name: &str| {
                let text = keys.pointer(&format!("/keys/0/{name}")).and_then(|text| text.as_str());
                URL_SAFE_NO_PAD.decode(text.unwrap()).unwrap()
            };
            let key = RsaPublicKeyComponents { n: number("n"), e: number("e") };
            let key = key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap();
            Some((key, message, URL_SAFE_NO_PAD.decode(signature).unwrap()))
        }
        "raw_es256" => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            let signature = pair.sign(&SystemRandom::new(), message).unwrap();
            let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key()).unwrap();
            Some((key, message, signature.as_ref().to_vec()))
        }
        "raw_eddsa" => {
            let pair = Ed25519KeyPair::generate().unwrap();
            let key = ParsedPublicKey::new(&ED25519, pair.public_key()).unwrap();
            Some((key, message, pair.sign(message).as_ref().to_vec()))
        }
        _ => None,
    }
}

/// A request that the documented example decides.
struct Request {
    snapshot: Snapshot,
    keys: [Arc<KeySet>; 1],
    new_tokens: NewTokens,
    headers: HeaderMap,
}

impl Request {
    fn new(token: &str) -> Self {
        let environment = |name: &str| match name {
            "JWT_PUBLIC_KEY_URL" => Some("https://login.example.com/keys".to_owned()),
            "JWT_AUDIENCE" => Some("00000000-0000-0000-0000-000000000000".to_owned()),
            _ => None,
        };
        let example = include_str!("../examples/azure-ad.yaml");
        let config = Config::parse("azure-ad.yaml", example, ".".as_ref(), &environment).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {}", token.trim()).parse().unwrap());
        let keys = [Arc::new(KeySet::parse(KEYS.as_bytes()).unwrap())];
        let [set] = &keys;
        let snapshot = Snapshot::build(config).unwrap();
        let new_tokens = NewTokens::new(&snapshot.config().jwt.as_ref().unwrap().tokens, set).unwrap();
        Self { snapshot, keys, new_tokens, headers }
    }

    fn rules(&self) -> &TokenRules {
        &self.snapshot.config().jwt.as_ref().unwrap().tokens
    }

    fn bearer(&self) -> Bearer<'_> {
        Bearer::from_headers(&self.headers).unwrap()
    }

    fn verify(&self) -> VerifiedClaims {
        verify(&self.bearer(), |_| &self.keys, self.rules(), SystemTime::now()).unwrap()
    }

    /// The caller of a token that is not known yet. Nothing here waits for anything else.
    fn new_token(&self) -> Arc<Caller> {
        let bearer = self.bearer();
        let mut caller = pin!(self.new_tokens.caller(&bearer, self.rules(), &self.snapshot));
        loop {
            if let Poll::Ready(caller) = caller.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return caller.unwrap();
            }
        }
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
