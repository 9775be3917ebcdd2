//! `modelgate test`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use super::{CONFIG, Folder};

const POLICY: &str = "@id(\"no-tools\") @reason(\"no tools\")\nforbid(principal, action == Action::\"use_model\", \
                      resource) when { context.tools > 0 };\n";
const CASES: &str = "config: ../config.yaml
policies: ../policies
cases:
  - note: the role opens its model
    claims: {roles: [basic_user]}
    request: {model: anthropic-claude}
    expect: {allow: true}
  - note: nobody offers <tools>
    claims: {roles: [basic_user]}
    request: {model: anthropic-claude, body: {tools: [{type: function}]}}
    expect: {allow: false, status: 403, rule: policy, policies: [no-tools], reason: no tools}
";

fn folder() -> Folder {
    Folder::new(&[("config.yaml", CONFIG), ("policies/a.cedar", POLICY), ("tests/a.yaml", CASES)])
}

#[test]
fn cases_that_pass_end_with_0_and_a_summary() {
    let (code, told) = folder().run("test tests");
    assert_eq!(code, 0, "{told}");
    assert!(
        told.starts_with("2 cases: 2 passed, 0 failed\ncoverage: 5 of 7 policies and entries (71 %)\n"),
        "{told}"
    );
    assert!(told.contains("no case touches model_list[1] [tests/../config.yaml:19]"), "{told}");
}

#[test]
fn a_case_that_fails_ends_with_2_and_says_what_decided() {
    let folder = folder();
    folder.write("policies/a.cedar", &POLICY.replace("> 0", "> 1"));
    let (code, told) = folder.run("test tests");
    assert_eq!(code, 2, "{told}");
    for part in [
        "FAIL tests/a.yaml:8 nobody offers <tools>\n       allow: expected false, got true\n",
        "reason: expected no tools, got none\n",
        "allowed by general_settings.role_permissions[0] [tests/../config.yaml:14]",
        "2 cases: 1 passed, 1 failed\n",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
}

#[test]
fn the_command_line_goes_before_the_file() {
    let folder = folder();
    folder.write("none/empty.cedar", "");
    assert_eq!(folder.run("test tests --policies none").0, 2);
}

#[test]
fn the_junit_report_is_escaped_and_counts() {
    let folder = folder();
    folder.write("policies/a.cedar", "");
    assert_eq!(folder.run("test tests --junit report.xml").0, 2);
    let report = folder.read("report.xml");
    assert!(report.contains("<testsuite name=\"modelgate\" tests=\"2\" failures=\"1\">"), "{report}");
    assert!(
        report.contains("name=\"nobody offers &lt;tools&gt;\" file=\"tests/a.yaml\" line=\"8\">"),
        "{report}"
    );
    assert!(
        report.contains("<failure message=\"unexpected allow, status, rule, policies, reason\">FAIL"),
        "{report}"
    );
}

#[test]
fn too_little_coverage_ends_with_2() {
    let folder = folder();
    assert_eq!(folder.run("test tests --coverage-min 71").0, 0);
    let (code, told) = folder.run("test tests --coverage-min 72");
    assert_eq!(code, 2);
    assert!(told.ends_with("the coverage is below 72 %\n"), "{told}");
}

#[test]
fn a_wrong_file_of_cases_ends_with_3_and_its_place() {
    let folder = folder();
    folder.write(
        "tests/b.yaml",
        "cases:\n  - note: x\n    claims: {}\n    request: {modle: x}\n    expect: {allow: true}\n",
    );
    let (code, told) = folder.run("test tests");
    assert_eq!(code, 3);
    assert!(told.contains("b.yaml:4:15") && told.contains("did you mean `model`?"), "{told}");
}

#[test]
fn nothing_to_test_is_not_a_success() {
    let folder = Folder::new(&[("config.yaml", CONFIG), ("tests/notes.txt", "")]);
    assert_eq!(folder.run("test").0, 3);
    let (code, told) = folder.run("test --config config.yaml");
    assert!(code == 3 && told.contains("modelgate.tests"), "{told}");
    let (code, told) = folder.run("test tests --config config.yaml");
    assert!(code == 3 && told.contains("`tests` has no cases"), "{told}");
}

#[test]
fn the_configuration_names_its_own_cases_and_is_not_served_unless_they_pass() {
    let folder = folder();
    folder.write(
        "config.yaml",
        &format!(
            "{CONFIG}environment_variables: {{JWT_PUBLIC_KEY_URL: 'https://127.0.0.1:9/keys'}}\n\
             modelgate: {{policies: policies, tests: tests/a.yaml, listen: '127.0.0.1:0'}}\n"
        ),
    );
    assert_eq!(folder.run("test --config config.yaml").0, 0);
    folder.write("policies/a.cedar", "");
    assert_eq!(folder.run("test --config config.yaml").0, 2);
    let (code, told) = folder.run("serve --config config.yaml");
    assert_eq!(code, 3);
    assert!(told.contains("1 of 2 cases that `modelgate.tests` names do not pass"), "{told}");
    assert!(told.contains("FAIL ./tests/a.yaml:8") || told.contains("FAIL tests/a.yaml:8"), "{told}");
}

#[test]
fn a_change_that_a_case_speaks_against_is_not_taken_up() {
    let folder = folder();
    folder.write(
        "config.yaml",
        &format!(
            "{CONFIG}environment_variables: {{JWT_PUBLIC_KEY_URL: 'https://127.0.0.1:9/keys'}}\n\
             modelgate: {{policies: policies, tests: tests, listen: '127.0.0.1:0', admin: off}}\n"
        ),
    );
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_modelgate"));
    command.args(["serve", "--config", "config.yaml"]).current_dir(folder.path("."));
    let mut serve = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(serve.stderr.take().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || log.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    let hears = |part: &str| {
        while let Ok(line) = told.recv_timeout(Duration::from_secs(20)) {
            if line.contains(part) {
                return true;
            }
        }
        false
    };
    let started = hears("listening on");
    folder.write("policies/a.cedar", "");
    let refused = started && hears("1 of 2 cases that `modelgate.tests` names do not pass");
    serve.kill().unwrap();
    serve.wait().unwrap();
    assert!(refused, "started: {started}");
}
