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
