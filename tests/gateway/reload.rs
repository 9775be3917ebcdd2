//! Files that change while the gateway runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use modelgate::gateway::{Admin, Outcome, Reloader};
use modelgate::sources::Sources;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fixture::{self, Fixture, Key, Message, read_message, read_until, send, soon};

/// A gateway on files, with its admin listener.
pub(crate) struct Live {
    pub(crate) gate: Fixture,
    pub(crate) admin: SocketAddr,
    pub(crate) drain: oneshot::Sender<()>,
    pub(crate) stop_admin: oneshot::Sender<()>,
    pub(crate) administered: JoinHandle<()>,
    pub(crate) reloader: Arc<Reloader>,
    watching: Option<JoinHandle<()>>,
}

/// The role may call this model.
const BOTH: &str = "[anthropic-claude, openai-gpt-4o]";
/// The role may call only this model.
pub(crate) const CLAUDE: &str = "[anthropic-claude]";
const FORBID: &str = r#"@reason("nobody") forbid (principal, action == Action::"use_model", resource);"#;

impl Live {
    /// A gateway on files that are not watched.
    pub(crate) async fn start() -> Self {
        Self::with(|live| live.write("config.yaml", live.yaml(CLAUDE))).await
    }

    /// A gateway on watched files, written by `write`.
    pub(crate) async fn watched(write: impl FnOnce(&Files)) -> Self {
        let mut live = Self::with(write).await;
        let reloader = Arc::clone(&live.reloader);
        live.watching = Some(tokio::spawn(async move { reloader.watch().await.unwrap() }));
        live
    }

    pub(crate) async fn with(write: impl FnOnce(&Files)) -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (directory, key) = (tempfile::tempdir().unwrap(), Key::new());
        let files =
            Files { directory: directory.path().to_owned(), upstream: upstream.local_addr().unwrap() };
        std::fs::create_dir(files.path("policies")).unwrap();
        files.write("jwks.json", key.jwks().to_string());
        write(&files);
        let sources = Sources::new(&files.path("config.yaml"), None);
        let keys = url::Url::from_file_path(files.path("jwks.json")).unwrap().to_string();
        let authority = format!("http://{}/", files.upstream);
        let env = move |name: &str| match name {
            "JWT_PUBLIC_KEY_URL" => Some(keys.clone()),
            "AZURE_AUTHORITY_HOST" => Some(authority.clone()),
            _ => None,
        };
        let reloader = Reloader::start(sources, Box::new(env), None).unwrap();
        let admin = Admin::bind("127.0.0.1:0".parse().unwrap(), Arc::clone(&reloader)).await.unwrap();
        let address = admin.local_addr().unwrap();
        let ((drain, drains), (stop_admin, stopped)) = (oneshot::channel(), oneshot::channel());
        let administered =
            tokio::spawn(admin.run(async { drop(drains.await) }, async { drop(stopped.await) }));
        let gate = Fixture::serve(Arc::clone(reloader.gateway()), upstream, key, directory).await;
        Self { gate, admin: address, drain, stop_admin, administered, reloader, watching: None }
    }

    pub(crate) fn files(&self) -> Files {
        Files {
            directory: self.gate.directory.path().to_owned(),
            upstream: self.gate.upstream.local_addr().unwrap(),
        }
    }

    pub(crate) async fn ask(&self, method: &str, path: &str) -> Message {
        soon(read_message(&mut send(self.admin, method, path, "", "").await)).await
    }

    pub(crate) fn generation(&self) -> u64 {
        self.gate.gateway.active().snapshot().generation()
    }

    /// The models that the caller is shown, or the status.
    async fn models_of(&self, token: &str) -> Vec<String> {
        let headers = format!("authorization: Bearer {token}\r\n");
        let answer = self.gate.refused("GET", "/v1/models", &headers, "").await;
        if answer.status() != "200" {
            return vec![answer.status().to_owned()];
        }
        let ids = json(&answer).get("data").and_then(Value::as_array).cloned().unwrap();
        ids.iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn models(&self) -> Vec<String> {
        self.models_of(&self.gate.token(&["basic_user"])).await
    }

    /// Waits until the caller is shown these models.
    async fn shows(&self, models: &[&str]) {
        soon(async { while self.models().await != models {} }).await;
    }

    /// Waits until a reload is refused for a reason with this text.
    pub(crate) async fn refuses(&self, reason: &str) {
        let says = |error: modelgate::gateway::Failure| error.message.contains(reason);
        soon(async {
            while !self.reloader.status().last_error.is_some_and(says) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// The files on disk.
pub(crate) struct Files {
    directory: PathBuf,
    pub(crate) upstream: SocketAddr,
}

impl Files {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn upstream(&self) -> SocketAddr {
        self.upstream
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Like an editor: the new file atomically replaces the old one.
    fn replace(&self, name: &str, text: impl AsRef<[u8]>) {
        self.write("new", text);
        std::fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    pub(crate) fn yaml(&self, models: &str) -> String {
        self.yaml_with("", models)
    }

    /// Adds settings to the block `modelgate`.
    pub(crate) fn yaml_with(&self, modelgate: &str, models: &str) -> String {
        fixture::yaml(self.upstream, ["", &format!("policies: policies, {modelgate}"), models])
    }

    /// A new version of a ConfigMap: a new directory, and then the one link that leads to it.
    fn publish(&self, version: &str, models: &str, policy: &str) {
        std::fs::create_dir(self.path(version)).unwrap();
        self.write(&format!("{version}/config.yaml"), self.yaml(models));
        self.write(&format!("{version}/rule.cedar"), policy);
        std::os::unix::fs::symlink(version, self.path("..data_tmp")).unwrap();
        std::fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
    }
}

pub(crate) fn json(message: &Message) -> Value {
    serde_json::from_str(&message.body).unwrap()
}

fn claude(files: &Files) {
    files.write("config.yaml", files.yaml(CLAUDE));
}

#[tokio::test]
async fn an_edit_decides_the_next_request() {
    let live = Live::watched(claude).await;
    assert_eq!(live.models().await, ["anthropic-claude"]);
    live.files().write("config.yaml", live.files().yaml(BOTH));
    live.shows(&["anthropic-claude", "openai-gpt-4o"]).await;
}

#[tokio::test]
async fn a_bad_edit_leaves_the_old_rules_and_says_why() {
    let live = Live::watched(claude).await;
    let before = json(&live.ask("GET", "/-/snapshot").await);
    live.files().write("config.yaml", live.files().yaml("[no-such-model, 3]"));
    live.refuses("config.yaml").await;
    assert_eq!(live.models().await, ["anthropic-claude"]);

    let ready = live.ask("GET", "/health/readiness?verbose").await;
    let after = json(&ready)["snapshot"].clone();
    assert_eq!(ready.status(), "200", "the old rules serve");
    for same in ["generation", "hash", "loaded_at", "files"] {
        assert_eq!(before[same], after[same]);
    }
    assert!(after["failures"].as_u64().unwrap() >= 1, "{after}");
    let message = after["last_error"]["message"].as_str().unwrap();
    assert!(message.contains("line 8"), "the place is shown: {message}");

    live.files().write("config.yaml", live.files().yaml(BOTH));
    live.shows(&["anthropic-claude", "openai-gpt-4o"]).await;
    assert_eq!(json(&live.ask("GET", "/-/snapshot").await)["last_error"], Value::Null);
}

#[tokio::test]
async fn a_file_that_takes_anothers_place_counts() {
    let live = Live::watched(claude).await;
    for (models, shown) in
        [(BOTH, &["anthropic-claude", "openai-gpt-4o"][..]), (CLAUDE, &["anthropic-claude"])]
    {
        live.files().replace("config.yaml", live.files().yaml(models));
        live.shows(shown).await;
    }
}

#[tokio::test]
async fn a_configmaps_link_swaps_configuration_and_policies_together() {
    let live = Live::watched(|files| {
        files.publish("..v1", CLAUDE, "");
        std::os::unix::fs::symlink("..data/config.yaml", files.path("config.yaml")).unwrap();
        std::os::unix::fs::symlink("../..data/rule.cedar", files.path("policies/rule.cedar")).unwrap();
    })
    .await;
    assert_eq!(live.models().await, ["anthropic-claude"]);
    for (version, other, policy) in [("..v2", "..v1", FORBID), ("..v3", "..v2", ""), ("..v4", "..v3", FORBID)]
    {
        let before = live.generation();
        live.files().publish(version, BOTH, policy);
        std::fs::remove_dir_all(live.files().path(other)).unwrap();
        let expected: &[&str] = if policy.is_empty() { &["anthropic-claude", "openai-gpt-4o"] } else { &[] };
        soon(async {
            loop {
                let (shown, generation) = (live.models().await, live.generation());
                if shown == expected {
                    break;
                }
                assert!(
                    generation == before || live.models().await == expected,
                    "half of a change: {shown:?}"
                );
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_new_file_in_a_new_directory_counts_and_so_does_its_removal() {
    let live = Live::watched(claude).await;
    std::fs::create_dir_all(live.files().path("policies/a/b")).unwrap();
    live.files().write("policies/a/b/rule.cedar", FORBID);
    live.shows(&[]).await;
    live.files().write("policies/a/b/rule.cedar", "permit (principal, action, resource);");
    live.shows(&["anthropic-claude", "openai-gpt-4o"]).await;
    std::fs::remove_dir_all(live.files().path("policies/a")).unwrap();
    live.shows(&["anthropic-claude"]).await;
}

#[tokio::test]
async fn a_directory_that_takes_anothers_place_is_watched() {
    let live = Live::watched(claude).await;
    std::fs::create_dir(live.files().path("next")).unwrap();
    live.files().write("next/rule.cedar", FORBID);
    std::fs::rename(live.files().path("policies"), live.files().path("old")).unwrap();
    std::fs::rename(live.files().path("next"), live.files().path("policies")).unwrap();
    live.shows(&[]).await;
    live.files().write("policies/rule.cedar", "");
    live.shows(&["anthropic-claude"]).await;
}

#[tokio::test]
async fn what_is_deleted_stays_in_force() {
    let live = Live::watched(|files| {
        claude(files);
        files.write("policies/rule.cedar", FORBID);
    })
    .await;
    assert!(live.models().await.is_empty());
    std::fs::remove_dir_all(live.files().path("policies")).unwrap();
    live.refuses("the directory cannot be read").await;
    assert!(live.models().await.is_empty());
    std::fs::remove_file(live.files().path("config.yaml")).unwrap();
    live.refuses("cannot read").await;
    assert!(live.models().await.is_empty());
}

#[tokio::test]
async fn keys_and_rules_swap_together() {
    let live = Live::watched(claude).await;
    let (next, old_token) = (Key::new(), live.gate.token(&["basic_user"]));
    let claims = serde_json::json!({"sub": "u", "roles": ["basic_user"], "exp": fixture::in_a_while()});
    let new_token = next.token(&claims);
    assert_eq!(live.models_of(&new_token).await, ["401"]);

    // Good keys and a bad policy: neither becomes active.
    live.files().write("policies/rule.cedar", "forbid");
    live.refuses("rule.cedar").await;
    live.files().replace("jwks.json", next.jwks().to_string());
    assert_eq!(live.reloader.reload().await, Outcome::Refused);
    assert_eq!(live.models_of(&new_token).await, ["401"]);
    assert_eq!(live.models_of(&old_token).await, ["anthropic-claude"]);

    // In one step: an empty file of policies is valid, too.
    live.files().replace("policies/rule.cedar", "permit (principal, action, resource);");
    soon(async {
        loop {
            match live.models_of(&new_token).await.as_slice() {
                [status] if status == "401" => {}
                shown => break assert_eq!(shown, ["anthropic-claude", "openai-gpt-4o"]),
            }
        }
    })
    .await;
    assert_eq!(live.models_of(&old_token).await, ["401"], "a key that was taken away verifies nothing");

    // Keys that cannot be read do not replace the previous ones.
    live.files().write("jwks.json", "{}");
    live.refuses("jwks.json").await;
    assert_eq!(live.models_of(&new_token).await, ["anthropic-claude", "openai-gpt-4o"]);
}

#[tokio::test]
async fn operators_reload_by_hand() {
    let live = Live::start().await;
    let reload = async || live.ask("POST", "/-/reload").await;
    let first = live.generation();
    let unchanged = reload().await;
    assert_eq!((unchanged.status(), json(&unchanged)["outcome"].as_str()), ("200", Some("unchanged")));
    assert_eq!(live.generation(), first);

    live.files().write("config.yaml", live.files().yaml(BOTH));
    let loaded = reload().await;
    assert_eq!((loaded.status(), json(&loaded)["outcome"].as_str()), ("200", Some("loaded")));
    assert_eq!(live.models().await, ["anthropic-claude", "openai-gpt-4o"]);

    live.files().write("config.yaml", "modelgate: {polices: x}");
    let refused = reload().await;
    assert_eq!((refused.status(), json(&refused)["outcome"].as_str()), ("422", Some("refused")));
    let snapshot = json(&refused)["snapshot"].clone();
    assert!(snapshot["last_error"]["message"].as_str().unwrap().contains("policies"), "{snapshot}");
    assert_eq!((snapshot["reloads"].as_u64(), snapshot["failures"].as_u64()), (Some(1), Some(1)));

    // The refused file is gone again, so there is neither an error nor a change.
    live.files().write("config.yaml", live.files().yaml(BOTH));
    assert_eq!(json(&reload().await)["outcome"], "unchanged");
    assert_eq!(live.reloader.status().last_error.map(|error| error.message), None);
}

#[tokio::test]
async fn a_configuration_that_lets_nobody_in_is_refused() {
    let live = Live::start().await;
    // A writer that empties the file first leaves this state for a moment.
    live.files().write("config.yaml", "");
    assert_eq!(live.reloader.reload().await, Outcome::Refused);
    assert_eq!(live.models().await, ["anthropic-claude"]);
}

#[tokio::test]
async fn what_the_trial_refuses_is_not_in_force() {
    let live = Live::start().await;
    let sources = Sources::new(&live.files().path("config.yaml"), None);
    let keys = url::Url::from_file_path(live.files().path("jwks.json")).unwrap().to_string();
    let env = move |name: &str| (name == "JWT_PUBLIC_KEY_URL").then(|| keys.clone());
    let trial = |snapshot: &modelgate::engine::Snapshot| {
        let permissions = snapshot.config().role_permissions.as_deref().unwrap_or_default();
        let most = permissions.iter().filter_map(|entry| entry.models.as_ref()).map(Vec::len).max();
        if most > Some(1) { Err("at most one model".to_owned()) } else { Ok(()) }
    };
    let reloader = Reloader::start(sources, Box::new(env), Some(Box::new(trial))).unwrap();
    let before = reloader.gateway().active().snapshot().generation();
    live.files().write("config.yaml", live.files().yaml(BOTH));
    assert_eq!(reloader.reload().await, Outcome::Refused);
    assert_eq!(reloader.gateway().active().snapshot().generation(), before);
    assert!(reloader.status().last_error.unwrap().message.contains("at most one model"));
}

#[tokio::test]
async fn a_stream_that_is_open_during_a_reload_finishes() {
    let live = Live::start().await;
    let mut caller = live
        .gate
        .chat(&live.gate.token(&["basic_user"]), r#"{"model": "anthropic-claude", "stream": true}"#)
        .await;
    let (mut upstream, _) = live.gate.arriving().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 18\r\n\r\ndata: 1\n\n";
    soon(upstream.write_all(head.as_bytes())).await.unwrap();
    soon(read_until(&mut caller, "data: 1\n\n")).await;
    live.files().write("config.yaml", live.files().yaml("[]"));
    assert_eq!(live.reloader.reload().await, Outcome::Loaded);
    assert!(live.models().await.is_empty());
    soon(upstream.write_all(b"data: 2\n\n")).await.unwrap();
    soon(read_until(&mut caller, "data: 2\n\n")).await;
}

#[tokio::test]
async fn a_request_is_decided_by_the_rules_in_force_when_its_body_has_come() {
    let live = Live::start().await;
    let mut caller = live.begin().await;
    live.files().write("config.yaml", live.files().yaml("[]"));
    assert_eq!(live.reloader.reload().await, Outcome::Loaded);
    live.end(&mut caller, false).await;
    assert!(live.models().await.is_empty());
}
