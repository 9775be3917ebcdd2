//! `modelgate prove` and `modelgate diff --prove`. Without cvc5, only its absence is tested.

use std::process::Command;

use super::Folder;
use super::skip::skip;

const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small], routes: [openai_routes]}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
";

/// Without rules about models, a proof takes little time.
const SMALL: &str = "general_settings: {master_key: k}\nmodel_list: []\n";

/// Runs the command, unless the solver is missing.
fn run(folder: &Folder, test: &str, args: &str) -> Option<(i32, String)> {
    let (code, told) = folder.run(args);
    if told.contains("the solver `cvc5` was not found") {
        skip(test, "cvc5 is not installed");
        return None;
    }
    Some((code, told))
}

#[test]
fn a_missing_solver_is_an_error_that_says_how_to_install_it() {
    let folder = Folder::new(&[("config.yaml", CONFIG)]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
    command.args(["prove", "config.yaml"]).current_dir(folder.path(".")).env("PATH", "").env_remove("CVC5");
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("apt-get install cvc5"), "{told}");
}

#[test]
fn a_violated_invariant_is_shown_with_a_request_and_ends_with_1() {
    let folder = Folder::new(&[
        ("config.yaml", CONFIG),
        ("small.yaml", SMALL),
        (
            "invariants/a.cedar",
            "@invariant(\"users reach small on weekdays alone\")
             forbid (principal in Role::\"internal_user\", action == Action::\"use_model\", resource == Model::\"small\")
             when { context.weekday == \"sunday\" };",
        ),
    ]);
    let name = "a_violated_invariant_is_shown_with_a_request_and_ends_with_1";
    let Some((code, told)) = run(&folder, name, "prove config.yaml --invariants invariants --timeout 120")
    else {
        return;
    };
    assert_eq!(code, 1, "{told}");
    assert!(
        told.contains("✗ \"users reach small on weekdays alone\" [invariants/a.cedar:1]: does not hold"),
        "{told}"
    );
    assert!(told.contains("for `small`, on Sunday, ") && told.contains("    allowed\n"), "{told}");
    let (code, told) = folder.run("prove small.yaml --timeout 120");
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("proven, by cvc5"), "{told}");
}

#[test]
fn a_comparison_is_proven_and_ends_with_0_or_1() {
    let wider = CONFIG.replace("models: [small]", "models: [small, other]");
    let folder = Folder::new(&[("old.yaml", CONFIG), ("new.yaml", &wider), ("small.yaml", SMALL)]);
    let name = "a_comparison_is_proven_and_ends_with_0_or_1";
    let Some((code, told)) = run(&folder, name, "diff --prove old.yaml new.yaml --timeout 120") else {
        return;
    };
    assert_eq!(code, 1, "{told}");
    assert!(told.starts_with("wider: ") && told.contains("for `other`"), "{told}");
    let (code, told) = folder.run("diff --prove small.yaml small.yaml --format json --timeout 120");
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("\"relation\": \"equivalent\""), "{told}");
}

/// A solver that says its version, and decides nothing.
const SILENT: &str = "#!/bin/sh\n[ \"$1\" = --version ] && exec \"$REAL_CVC5\" --version\nexit 1\n";

#[test]
fn answers_of_an_earlier_process_are_used_unless_they_are_damaged() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new(&[("config.yaml", CONFIG), ("silent", SILENT)]);
    std::fs::set_permissions(folder.path("silent"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let name = "answers_of_an_earlier_process_are_used_unless_they_are_damaged";
    let Some((code, told)) = run(&folder, name, "prove config.yaml --cache kept --timeout 120") else {
        return;
    };
    assert_eq!(code, 0, "{told}");
    let again = |args: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
        command.args(args.split_whitespace()).current_dir(folder.path("."));
        let real = std::env::var_os("CVC5").unwrap_or_else(|| "cvc5".into());
        let output = command.env("REAL_CVC5", real).env("CVC5", folder.path("silent")).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = again("prove config.yaml --cache kept --timeout 120");
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = again("prove config.yaml --no-cache --timeout 120");
    assert_eq!(code, Some(4), "{told}");
    for entry in std::fs::read_dir(folder.path("kept")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, &text[..text.len() - 1]).unwrap();
    }
    let (code, told) = again("prove config.yaml --cache kept --timeout 120");
    assert_eq!(code, Some(4), "{told}");
}

/// A solver that says its version, and answers nothing for a long time.
const SLOW: &str = "#!/bin/sh\n[ \"$1\" = --version ] && exec \"$REAL_CVC5\" --version\nexec sleep 3000\n";

#[test]
fn what_is_not_decided_within_the_budget_is_undecided_and_ends_with_4() {
    use std::os::unix::fs::PermissionsExt as _;
    let name = "what_is_not_decided_within_the_budget_is_undecided_and_ends_with_4";
    let wider = CONFIG.replace("roles: [basic_user]", "roles: [basic_user, other]");
    let folder = Folder::new(&[
        ("config.yaml", CONFIG),
        ("wider.yaml", &wider),
        ("slow", SLOW),
        ("small.yaml", SMALL),
    ]);
    std::fs::set_permissions(folder.path("slow"), std::fs::Permissions::from_mode(0o755)).unwrap();
    if run(&folder, name, "prove small.yaml --no-cache --timeout 120").is_none() {
        return;
    }
    let slowly = |args: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
        command.args(args.split_whitespace()).current_dir(folder.path("."));
        let real = std::env::var_os("CVC5").unwrap_or_else(|| "cvc5".into());
        let output = command.env("REAL_CVC5", real).env("CVC5", folder.path("slow")).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    // Each question may take an hour.
    let (code, told) = slowly("prove config.yaml --no-cache --timeout 3600 --budget 1");
    assert_eq!(code, Some(4), "{told}");
    assert!(told.contains("undecided: the time for all questions was over"), "{told}");
    let (code, told) = slowly("diff --prove wider.yaml config.yaml --no-cache --timeout 3600 --budget 1");
    assert_eq!(code, Some(4), "{told}");
}
