//! Rules that follow their files without the gateway: the feature `reload`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use modelgate::offline::{Answer, Question, headers};
use modelgate::reload::{Outcome, Rules, RulesError};
use modelgate::request::RequestContext;
use modelgate::sources::Sources;

const FORBID: &str = r#"@reason("nobody") forbid (principal, action == Action::"use_model", resource);"#;

fn yaml(models: &str) -> String {
    format!(
        "general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {{user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}}
  role_permissions: [{{role: internal_user, models: [{models}]}}]
model_list:
  - {{model_name: a, litellm_params: {{model: openai/a}}}}
  - {{model_name: b, litellm_params: {{model: openai/b}}}}
"
    )
}

fn question(model: &str) -> Question {
    Question {
        claims: serde_json::from_str(r#"{"sub": "u", "roles": ["basic_user"]}"#).unwrap(),
        method: Method::POST,
        path: "/v1/chat/completions".to_owned(),
        headers: headers([("content-type", "application/json")]).unwrap(),
        body: format!(r#"{{"model": "{model}"}}"#).into_bytes(),
        request_context: RequestContext::now(),
    }
}

fn decide(rules: &Rules, model: &str) -> Answer {
    rules.decide(&question(model))
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

struct Files(tempfile::TempDir);

impl Files {
    fn new(models: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("config.yaml", &yaml(models));
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Like an editor: the new file replaces the old one at once.
    fn replace(&self, name: &str, text: &str) {
        self.write("next", text);
        std::fs::rename(self.path("next"), self.path(name)).unwrap();
    }
}

#[test]
fn a_changed_file_changes_the_rules_of_every_clone() {
    let files = Files::new("a");
    let rules = Rules::watch(files.path("config.yaml")).unwrap();
    let clone = rules.clone();
    assert!(decide(&clone, "a").allow && !decide(&clone, "b").allow);
    assert_eq!(decide(&rules, "b").rule, Some("R2.model"));
    files.replace("config.yaml", &yaml("b"));
    until("the new rules", || decide(&clone, "b").allow);
    assert!(!decide(&rules, "a").allow);
    assert_eq!(rules.status().reloads, 1);
    files.write("config.yaml", &yaml("a"));
    until("a file that is written in place", || decide(&clone, "a").allow);
}

#[test]
fn an_invalid_change_leaves_the_last_good_rules() {
    let files = Files::new("a");
    let rules = Rules::watch(files.path("config.yaml").as_path()).unwrap();
    files.replace("config.yaml", "general_settings: {role_permissions: 7}\n");
    until("the refusal", || rules.status().last_error.is_some());
    assert!(decide(&rules, "a").allow);
    let error = rules.status().last_error.unwrap().message;
    assert!(error.contains("role_permissions"), "{error}");
    files.replace("config.yaml", &yaml("a, b"));
    until("the next rules", || decide(&rules, "b").allow);
    assert!(rules.status().last_error.is_none());
}

#[test]
fn rules_without_a_thread_are_read_again_when_somebody_says_so() {
    let files = Files::new("a");
    let rules = Rules::load(files.path("config.yaml").to_str().unwrap()).unwrap();
    assert_eq!(rules.reload(), Outcome::Unchanged);
    files.write("config.yaml", &yaml("b"));
    assert!(decide(&rules, "a").allow);
    assert_eq!(rules.reload(), Outcome::Loaded);
    assert!(!decide(&rules, "a").allow);
    files.write("config.yaml", "[");
    assert_eq!(rules.reload(), Outcome::Refused);
    assert!(decide(&rules, "b").allow);
}

#[test]
fn a_policy_that_appears_in_the_named_directory_denies() {
    let files = Files::new("a");
    std::fs::create_dir(files.path("policies")).unwrap();
    let sources = Sources::new(&files.path("config.yaml"), Some(&files.path("policies")));
    let rules = Rules::watch(sources).unwrap();
    assert!(decide(&rules, "a").allow);
    files.write("policies/nobody.cedar", FORBID);
    until("the policy", || !decide(&rules, "a").allow);
    assert_eq!(decide(&rules, "a").reason.as_deref(), Some("nobody"));
    std::fs::remove_file(files.path("policies/nobody.cedar")).unwrap();
    until("the removal", || decide(&rules, "a").allow);
}

/// Kubernetes writes a new directory, and swaps the link `..data` to it.
#[test]
fn a_mounted_config_map_is_followed_through_its_links() {
    let files = Files(tempfile::tempdir().unwrap());
    let publish = |version: &str, models: &str| {
        std::fs::create_dir(files.path(version)).unwrap();
        files.write(&format!("{version}/config.yaml"), &yaml(models));
        std::os::unix::fs::symlink(version, files.path("..data_tmp")).unwrap();
        std::fs::rename(files.path("..data_tmp"), files.path("..data")).unwrap();
    };
    publish("..1", "a");
    std::os::unix::fs::symlink("..data/config.yaml", files.path("config.yaml")).unwrap();
    let rules = Rules::watch(files.path("config.yaml")).unwrap();
    for (version, models, model) in [("..2", "b", "b"), ("..3", "a", "a"), ("..4", "b", "b")] {
        publish(version, models);
        until(version, || decide(&rules, model).allow);
    }
}

#[test]
fn what_cannot_be_loaded_is_an_error_with_its_place() {
    let files = Files::new("a");
    let missing = Rules::load(Path::new("/nowhere/config.yaml")).unwrap_err();
    assert!(matches!(missing, RulesError::Load(_)) && missing.to_string().contains("/nowhere"), "{missing}");
    files.write(
        "cases.yaml",
        "tests:\n  - {name: b is open, claims: {roles: [basic_user]}, model: b, expect: allow}\n",
    );
    files.write("config.yaml", &format!("{}modelgate: {{tests: cases.yaml}}\n", yaml("a")));
    let failing = Rules::watch(files.path("config.yaml")).unwrap_err();
    assert!(matches!(failing, RulesError::Cases(_)), "{failing}");
}

/// Both models are allowed by one version of the file, and none by the other.
#[test]
fn one_snapshot_never_mixes_two_versions_of_the_files() {
    let files = Files::new("a, b");
    let rules = Rules::watch(files.path("config.yaml")).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Acquire) {
                    let snapshot = rules.snapshot();
                    let [a, b] = ["a", "b"].map(|model| question(model).answer(&snapshot).allow);
                    assert_eq!(a, b);
                }
            });
        }
        for version in 1..=10 {
            let models = if version % 2 == 0 { "a, b" } else { "c" };
            files.replace("config.yaml", &yaml(models));
            until("the next version", || rules.status().reloads == version);
        }
        is_over.store(true, Ordering::Release);
    });
}

#[test]
fn variables_come_from_whom_the_caller_names() {
    let files = Files::new("a");
    let config = yaml("a").replace("enable_jwt_auth: true", "master_key: os.environ/KEY");
    files.write("config.yaml", &config.replace("models: [a]", "models: [b]"));
    let env = |name: &str| (name == "KEY").then(|| "sk-1".to_owned());
    let rules = Rules::load_with(files.path("config.yaml"), Box::new(env)).unwrap();
    assert!(rules.snapshot().config().master_key.is_some());
    let panics = Rules::load_with(files.path("config.yaml"), Box::new(|_| None));
    let Err(RulesError::Load(_)) = panics else { panic!("an unset variable is refused") };
}
