//! Each example is a valid configuration, and its cases pass.

use std::path::{Path, PathBuf};

use modelgate::casefile::{CaseFile, run_cases};
use modelgate::sources::Sources;
use serde_json::json;

use crate::{root, run};

/// An environment in which every variable is set.
fn variable(_: &str) -> Option<String> {
    Some("https://example.com".to_owned())
}

fn yaml_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

/// The examples: configurations, and files of cases.
fn examples() -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut files = Vec::new();
    yaml_files(&root().join("examples"), &mut files);
    files.into_iter().partition(|path| !path.ends_with("tests/cases.yaml"))
}

#[test]
fn every_example_configuration_loads() {
    let (configurations, _) = examples();
    assert!(configurations.len() >= 6, "{configurations:?}");
    for path in configurations {
        let loaded = Sources::new(&path, None).load(&variable);
        loaded.unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
    }
}

#[test]
fn every_case_of_an_example_passes() {
    let (_, files) = examples();
    assert!(files.len() >= 2, "{files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let file = CaseFile::parse(&name, &text, path.parent().unwrap());
        let file = file.unwrap_or_else(|error| panic!("{name}: {:?}", error.problems()));
        let sources = Sources::new(file.config.as_deref().unwrap(), file.policies.as_deref());
        let report = run_cases(&sources.load(&variable).unwrap().snapshot, &[file]);
        let failures: String = report.failures().map(ToString::to_string).collect();
        assert!(report.passed() && !report.outcomes.is_empty(), "{failures}");
    }
}

#[test]
fn several_roles_add_up_inherit_and_deny() {
    let config = root().join("examples/several-roles.yaml");
    let decided = |roles: &[&str], model: &str, path: &str| {
        let line = json!({"claims": {"realm_access": {"roles": roles}}, "method": "POST", "path": path,
            "body": {"model": model, "messages": [], "input": "x"}});
        let directory = tempfile::tempdir().unwrap();
        let mut command = crate::modelgate(directory.path(), &["decide", "--config"]);
        let input = directory.path().join("line.jsonl");
        std::fs::write(&input, line.to_string()).unwrap();
        command.arg(&config).stdin(std::fs::File::open(&input).unwrap());
        let output = command.output().unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["allow"].as_bool().unwrap()
    };
    let chat = |roles: &[&str], model: &str| decided(roles, model, "/v1/chat/completions");
    assert!(chat(&["employee"], "claude-haiku"));
    assert!(!chat(&["employee"], "claude-sonnet"));
    assert!(chat(&["researcher"], "claude-sonnet") && chat(&["researcher"], "gpt-4o-mini"));
    assert!(chat(&["contractor"], "gpt-4o-mini"));
    assert!(!chat(&["contractor", "researcher"], "claude-sonnet"));
    assert!(decided(&["search-service"], "text-embedding-3-small", "/v1/embeddings"));
    assert!(!chat(&["search-service"], "text-embedding-3-small"));
    assert!(!chat(&["guest"], "gpt-4o-mini") && !chat(&[], "gpt-4o-mini"));
}

#[test]
fn init_before_litellm_writes_the_example_and_its_cases_pass() {
    let directory = tempfile::tempdir().unwrap();
    let (code, output) = run(directory.path(), &["init", "--before-litellm", "gate"]);
    assert_eq!(code, 0, "{output}");
    for name in ["modelgate.yaml", "tests/cases.yaml"] {
        let written = std::fs::read_to_string(directory.path().join("gate").join(name)).unwrap();
        let example = std::fs::read_to_string(root().join("examples/before-litellm").join(name)).unwrap();
        assert!(written == example, "{name}");
    }
    let output = crate::modelgate(directory.path(), &["test", "--config", "gate/modelgate.yaml"])
        .env("LITELLM_KEY", "sk-litellm")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
