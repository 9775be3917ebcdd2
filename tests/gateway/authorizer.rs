//! Decisions in this process, by [`Authorizer`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::Snapshot;
use modelgate::gateway::{Authorizer, AuthzRequest, Gateway, Generation};

const RULES: &str = "
general_settings:
  master_key: sk-1
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
  role_permissions: [{role: internal_user, models: [a]}]
model_list:
  - {model_name: a, litellm_params: {model: openai/a, api_key: sk-2}}
  - {model_name: b, litellm_params: {model: openai/b, api_key: sk-2}}
";

fn generation() -> Generation {
    let config = Config::parse("config.yaml", RULES, ".".as_ref(), &|_| None).unwrap();
    Generation::new(Snapshot::build(config).unwrap(), None)
}

/// A request for a model by a caller whose claims are known, with the master key in a header.
fn request(model: &str) -> AuthzRequest {
    let request = http::Request::post("/v1/chat/completions").header("authorization", "Bearer sk-1");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let claims = serde_json::from_str(r#"{"roles": ["basic_user"]}"#).unwrap();
    let claims = Some(VerifiedClaims::dangerous_trust(claims));
    AuthzRequest { head, body: Some(Bytes::from(format!(r#"{{"model": "{model}"}}"#))), peer: None, claims }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_replace_the_credential_although_the_rules_change_meanwhile() {
    let gateway = Arc::new(Gateway::new(generation()).unwrap());
    let ended = Arc::new(AtomicBool::new(false));
    let changing = {
        let (gateway, ended) = (Arc::clone(&gateway), Arc::clone(&ended));
        // Rules that are ready change many times a second.
        let mut ready: Vec<_> = (0..2).map(|_| generation()).collect();
        tokio::task::spawn_blocking(move || {
            let mut changes = 0;
            while !ended.load(Ordering::Relaxed) {
                let before = gateway.activate(ready.pop().unwrap_or_else(generation));
                ready.extend(Arc::into_inner(before));
                changes += 1;
            }
            changes
        })
    };
    let authorizer = Authorizer::new(gateway);
    for _ in 0..2000 {
        // Under rules that change all the time, a decision may be given up, but no credential counts.
        let denied = authorizer.check(request("b")).await.err().map(|rejected| rejected.code);
        assert!(matches!(denied, Some("model_not_allowed" | "rules_changed")), "{denied:?}");
        let allowed = authorizer.check(request("a")).await.err().map(|rejected| rejected.code);
        assert!(matches!(allowed, None | Some("rules_changed")), "{allowed:?}");
    }
    ended.store(true, Ordering::Relaxed);
    assert!(changing.await.unwrap() > 0);
}
