//! What `modelgate.invariants` and `modelgate.reload` demand of a gateway, by processes. A program that answers nothing stands
//! for a slow solver. Tests that need cvc5 are skipped without it.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Folder;
use super::skip::skip;

const SOON: Duration = Duration::from_secs(300);
/// A solver that never answers.
const MUTE: &str =
    "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'This is cvc5 version 1.0'; else exec sleep 600; fi\n";
const NEVER_LARGE: &str = "@invariant(\"users never reach large\")
forbid (principal in Role::\"internal_user\", action == Action::\"use_model\", resource == Model::\"large\");
";

/// A configuration with these models of the role, and this block `modelgate`.
fn config(models: &str, block: &str) -> String {
    format!(
        "general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {{user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}}
  role_permissions:
    - {{role: internal_user, models: {models}, routes: [/v1/chat/completions]}}
environment_variables: {{JWT_PUBLIC_KEY_URL: 'https://127.0.0.1:9/keys', JWT_AUDIENCE: gate}}
modelgate: {{{block}}}
model_list:
  - {{model_name: small, litellm_params: {{model: openai/small, api_key: k}}}}
  - {{model_name: large, litellm_params: {{model: openai/large, api_key: k}}}}
"
    )
}

const DEMANDED: &str = "invariants: {directory: invariants, budget: 600}";
const NARROWER: &str = "reload: {allow: narrower, budget: 600}";

/// A gateway that runs, and ends with the test.
struct Gateway {
    process: Child,
    admin: String,
    log: Mutex<Receiver<String>>,
}

impl Gateway {
    /// Starts a gateway with this solver, or the one of the machine. What it said, if it did not start.
    fn start(folder: &Folder, solver: Option<OsString>) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
        command.args([
            "serve",
            "--config",
            "config.yaml",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
        ]);
        command.current_dir(folder.path("."));
        if let Some(solver) = solver {
            command.env("CVC5", solver);
        }
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (tell, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let mut gateway = Self { process, admin: String::new(), log: Mutex::new(log) };
        let mut told = String::new();
        while let Ok(line) = gateway.line(SOON) {
            if let Some((_, address)) = line.split_once("the admin listener is on http://") {
                gateway.admin = address.trim().to_owned();
            } else if line.contains("listening on") {
                return Ok(gateway);
            }
            told += &(line + "\n");
        }
        assert_eq!(gateway.process.wait().unwrap().code(), Some(3), "{told}");
        Err(told)
    }

    fn line(&self, within: Duration) -> Result<String, RecvTimeoutError> {
        self.log.lock().unwrap().recv_timeout(within)
    }

    fn request(&self, method: &str, path: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.admin).unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.admin);
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (answer[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    /// Reloads. The status and the outcome, and the reason of a refusal.
    fn reload(&self) -> (u16, String, String) {
        let (status, answer) = self.request("POST", "/-/reload");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (status, text(&answer["outcome"]), answer["snapshot"].to_string())
    }

    fn generation(&self) -> Value {
        self.request("GET", "/-/snapshot").1["generation"].clone()
    }

    /// Waits for a line of the log.
    fn hears(&self, part: &str) {
        let until = Instant::now() + SOON;
        while let Ok(line) = self.line(until.saturating_duration_since(Instant::now())) {
            if line.contains(part) {
                return;
            }
        }
        assert!(part.is_empty(), "the log never says: {part}");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The text without the frame and the lines of a terminal.
fn words(told: &str) -> String {
    let text: String = told.chars().filter(|c| *c != '│').collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("/ ", "/")
}

/// Whether the machine has the solver.
fn has_solver(test: &str) -> bool {
    let found = Command::new("cvc5").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        skip(test, "cvc5 is not installed");
    }
    found
}

/// A folder with a solver that never answers.
fn with_mute_solver(files: &[(&str, &str)]) -> (Folder, OsString) {
    let folder = Folder::new(files);
    folder.write("mute", MUTE);
    let path = folder.path("mute");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = path.into_os_string();
    (folder, path)
}

#[test]
fn a_reload_that_breaks_an_invariant_is_refused_with_the_request_and_the_old_rules_stay() {
    if !has_solver("a_reload_that_breaks_an_invariant_is_refused_with_the_request_and_the_old_rules_stay") {
        return;
    }
    let admin = "admin: '127.0.0.1:0'";
    let folder =
        Folder::new(&[("config.yaml", &config("[small]", DEMANDED)), ("invariants/a.cedar", NEVER_LARGE)]);
    let gateway = Gateway::start(&folder, None).unwrap();
    let first = gateway.generation();

    folder.write("config.yaml", &config("[small, large]", DEMANDED));
    let (status, outcome, snapshot) = gateway.reload();
    assert_eq!((status, &*outcome), (422, "refused"), "{snapshot}");
    for part in [
        "1 of 1 invariants of `modelgate.invariants` are not proven",
        "users never reach large",
        "invariants/a.cedar:1",
        "does not hold",
        "POST /v1/chat/completions for `large`",
        "config.yaml:5",
    ] {
        assert!(snapshot.contains(part), "{part} is not in {snapshot}");
    }
    assert_eq!(gateway.generation(), first);
    let metrics = gateway_metrics(&gateway);
    assert!(metrics.contains("modelgate_reloads_total{outcome=\"failure\"}"), "{metrics}");

    // What keeps the invariant is taken up, whoever asks first.
    folder.write("config.yaml", &config("[]", &format!("{DEMANDED}, {admin}")));
    let outcomes = std::thread::scope(|scope| {
        [(); 2].map(|()| scope.spawn(|| gateway.reload())).map(|reload| reload.join().unwrap())
    });
    assert!(outcomes.iter().all(|(status, ..)| *status == 200), "{outcomes:?}");
    assert_ne!(gateway.generation(), first);

    // A new invariant is noticed by itself, and counts for the rules in force.
    folder.write(
        "invariants/b.cedar",
        "@invariant(\"users list models\") permit (principal in Role::\"internal_user\", \
         action == Action::\"call_route\", resource == Route::\"/v1/models\");",
    );
    gateway.hears("users list models");
}

fn gateway_metrics(gateway: &Gateway) -> String {
    let mut stream = TcpStream::connect(&gateway.admin).unwrap();
    let head = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", gateway.admin);
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn where_reloads_may_only_narrow_a_wider_one_is_refused_with_the_request() {
    if !has_solver("where_reloads_may_only_narrow_a_wider_one_is_refused_with_the_request") {
        return;
    }
    let folder = Folder::new(&[("config.yaml", &config("[small]", NARROWER))]);
    let gateway = Gateway::start(&folder, None).unwrap();
    let first = gateway.generation();

    folder.write("config.yaml", &config("[small, large]", NARROWER));
    let (status, outcome, snapshot) = gateway.reload();
    assert_eq!((status, &*outcome), (422, "refused"), "{snapshot}");
    for part in
        ["this request would newly be allowed", "POST /v1/chat/completions for `large`", "config.yaml:5"]
    {
        assert!(snapshot.contains(part), "{part} is not in {snapshot}");
    }

    // The condition cannot be lifted first.
    folder.write("config.yaml", &config("[small]", ""));
    let (status, _, snapshot) = gateway.reload();
    assert!(status == 422 && snapshot.contains("modelgate.reload.allow"), "{snapshot}");
    folder.write("config.yaml", &config("[small]", &format!("{NARROWER}, mode: log_only")));
    let (status, _, snapshot) = gateway.reload();
    assert!(status == 422 && snapshot.contains("may allow more: modelgate.mode"), "{snapshot}");
    assert_eq!(gateway.generation(), first);

    folder.write("config.yaml", &config("[]", NARROWER));
    // The file watcher may be earlier.
    let (status, _, snapshot) = gateway.reload();
    assert_eq!(status, 200, "{snapshot}");
    assert_ne!(gateway.generation(), first);
}

#[test]
fn without_a_solver_a_gateway_that_must_prove_does_not_start() {
    for block in [DEMANDED, NARROWER] {
        let folder =
            Folder::new(&[("config.yaml", &config("[small]", block)), ("invariants/a.cedar", NEVER_LARGE)]);
        let told = Gateway::start(&folder, Some("/nowhere/cvc5".into())).map(|_| ()).unwrap_err();
        assert!(words(&told).contains("demand proofs: the solver `/nowhere/cvc5` does not run"), "{told}");
        assert!(words(&told).contains("`CVC5` names the program of cvc5"), "{told}");
    }
}

#[test]
fn what_is_not_proven_within_the_budget_does_not_count_as_proven() {
    let block = "invariants: {directory: invariants, budget: 1}";
    let (folder, mute) =
        with_mute_solver(&[("config.yaml", &config("[small]", block)), ("invariants/a.cedar", NEVER_LARGE)]);
    let told = Gateway::start(&folder, Some(mute)).map(|_| ()).unwrap_err();
    assert!(told.contains("1 of 1 invariants of `modelgate.invariants` are not proven"), "{told}");
    assert!(told.contains("undecided") && told.contains("within 1000 ms"), "{told}");
}

#[test]
fn a_gateway_answers_while_a_reload_waits_for_its_proof() {
    let (folder, mute) = with_mute_solver(&[("config.yaml", &config("[small]", NARROWER))]);
    let mut gateway = Gateway::start(&folder, Some(mute)).unwrap();
    folder.write("config.yaml", &config("[small, large]", NARROWER));
    let mut waiting = TcpStream::connect(&gateway.admin).unwrap();
    let head = format!("POST /-/reload HTTP/1.1\r\nhost: {}\r\n\r\n", gateway.admin);
    waiting.write_all(head.as_bytes()).unwrap();
    for _ in 0..20 {
        assert_eq!(gateway.request("GET", "/health/liveness").0, 200);
    }
    waiting.set_nonblocking(true).unwrap();
    let nothing_yet = waiting.read(&mut [0]).unwrap_err();
    assert_eq!(nothing_yet.kind(), std::io::ErrorKind::WouldBlock);
    assert!(gateway.process.try_wait().unwrap().is_none());
}

#[test]
fn a_solver_that_is_gone_refuses_reloads_and_not_the_rules_in_force() {
    let (folder, mute) = with_mute_solver(&[("config.yaml", &config("[small]", NARROWER))]);
    let gateway = Gateway::start(&folder, Some(mute)).unwrap();
    let first = gateway.generation();
    std::fs::remove_file(folder.path("mute")).unwrap();
    folder.write("config.yaml", &config("[]", NARROWER));
    let (status, _, snapshot) = gateway.reload();
    assert!(status == 422 && snapshot.contains("does not run"), "{snapshot}");
    assert_eq!(gateway.generation(), first);
}

#[test]
fn an_invariant_with_a_mistake_is_refused_with_its_place_and_so_is_an_empty_directory() {
    let folder = Folder::new(&[
        ("config.yaml", &config("[small]", DEMANDED)),
        (
            "invariants/a.cedar",
            "@invariant(\"x\")\nforbid (principal, action, resource == Modle::\"large\");",
        ),
    ]);
    let check = |folder: &Folder| folder.run("check --config config.yaml");
    let (code, told) = check(&folder);
    assert!(code == 3 && told.contains("invariants/a.cedar:"), "{told}");
    folder.write("invariants/a.cedar", "forbid (principal, action, resource);");
    let (code, told) = check(&folder);
    assert!(code == 3 && told.contains("is no invariant"), "{told}");
    folder.write("invariants/a.cedar", "");
    let (code, told) = check(&folder);
    assert!(code == 3 && told.contains("`invariants` has no invariants"), "{told}");
}

#[test]
fn check_proves_the_invariants_and_says_so_if_it_cannot() {
    let folder = Folder::new(&[
        ("config.yaml", &config("[small]", &format!("{DEMANDED}, {NARROWER}"))),
        ("invariants/a.cedar", NEVER_LARGE),
    ]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
    command.args(["check", "--config", "config.yaml"]).current_dir(folder.path("."));
    let output = command.env("PATH", "").env_remove("CVC5").output().unwrap();
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("invariants: 1, not proven, there is no solver here"), "{told}");
    assert!(
        told.contains("a gateway does not start without the solver") && told.contains("apt-get"),
        "{told}"
    );
    assert!(told.contains("modelgate.reload.allow: narrower") && told.contains("1 warning(s)"), "{told}");

    if !has_solver("check_proves_the_invariants_and_says_so_if_it_cannot") {
        return;
    }
    let (code, told) = folder.run("check --config config.yaml");
    assert!(code == 0 && told.contains("invariants: 1, proven") && told.contains("no warnings"), "{told}");
    let (code, told) = folder.run("check --config config.yaml --format json");
    let json: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &json["invariants"]["proven"]), (0, &Value::Bool(true)), "{told}");
    let (code, told) = folder.run("prove --config config.yaml --timeout 600");
    assert!(told.contains("✓ \"users never reach large\" [invariants/a.cedar:1]: holds"), "{code}: {told}");

    folder.write("config.yaml", &config("[small, large]", DEMANDED));
    let (code, told) = folder.run("check --config config.yaml");
    assert!(code == 3 && words(&told).contains("for `large`"), "{told}");
}
