//! Repeats one stage of a request, so that `benches/instructions` can count its instructions: `hot_path STAGE
//! TIMES`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

use std::future::Future as _;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use modelgate::authn::{Bearer, KeySet, VerifiedClaims, verify};
use modelgate::config::{Config, TokenRules};
use modelgate::engine::Snapshot;
use modelgate::gateway::internal::NewTokens;
use modelgate::identity::Caller;
use modelgate::request::{ApiCall, RequestContext, RequestParts, classify};
use serde_json::Value;

/// Public keys, and a token that each private key signed, with the same claims. The tokens expire in 2100.
const KEYS: &str = include_str!("hot_path/jwks.json");
const RS256: &str = include_str!("hot_path/token");
const ES256: &str = include_str!("hot_path/token_es256");
const EDDSA: &str = include_str!("hot_path/token_eddsa");
const BODY: &str = include_str!("hot_path/body.json");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(stage), Some(Ok(times))) = (arguments.first(), arguments.get(1).map(|times| times.parse()))
    else {
        // `cargo bench` runs this program without arguments.
        eprintln!("usage: hot_path STAGE TIMES");
        return;
    };
    let request = Request::new(match stage.as_str() {
        "verify_es256" | "raw_es256" => ES256,
        "verify_eddsa" | "raw_eddsa" => EDDSA,
        _ => RS256,
    });
    let raw = Raw::of(request.bearer_text());
    let (claims, call) = (request.verify(), request.classify());
    let caller = request.snapshot.identify(&claims);
    let run: &dyn Fn() = match stage.as_str() {
        "verify" | "verify_es256" | "verify_eddsa" => &|| drop(black_box(request.verify())),
        "raw" | "raw_es256" | "raw_eddsa" => &|| raw.verify(),
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
        _ => unreachable!("no such stage"),
    };
    (0..times).for_each(|_: u32| run());
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
        let snapshot = Snapshot::build(config).unwrap();
        let new_tokens = NewTokens::new(&snapshot.config().jwt.as_ref().unwrap().tokens, &keys[0]).unwrap();
        Self { snapshot, keys, new_tokens, headers }
    }

    fn rules(&self) -> &TokenRules {
        &self.snapshot.config().jwt.as_ref().unwrap().tokens
    }

    fn bearer_text(&self) -> &str {
        self.headers[AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap()
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

/// A signature and its parsed key: the part of a verification that is not modelgate's.
struct Raw {
    key: ParsedPublicKey,
    signed: String,
    signature: Vec<u8>,
}

impl Raw {
    fn of(token: &str) -> Self {
        let decoded = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let header: Value = serde_json::from_slice(&decoded(signed.split_once('.').unwrap().0)).unwrap();
        let keys: Value = serde_json::from_str(KEYS).unwrap();
        let jwk = keys["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == header["kid"]).unwrap();
        let member = |name: &str| decoded(jwk[name].as_str().unwrap());
        let key = match jwk["kty"].as_str() {
            Some("RSA") => RsaPublicKeyComponents { n: member("n"), e: member("e") }
                .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
            Some("EC") => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [vec![4], member("x"), member("y")].concat())
            }
            _ => ParsedPublicKey::new(&ED25519, member("x")),
        };
        Self { key: key.unwrap(), signed: signed.to_owned(), signature: decoded(signature) }
    }

    fn verify(&self) {
        self.key.verify_sig(self.signed.as_bytes(), &self.signature).unwrap();
    }
}
