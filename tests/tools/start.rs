//! `modelgate init`, `completions` and `schema`.

use std::path::Path;

use serde_json::Value;

use super::{CONFIG, Folder, run_in};

#[test]
fn what_init_writes_passes_check_and_all_of_its_cases() {
    let folder = Folder::new(&[]);
    let (code, told) = folder.run("init rules");
    assert_eq!(code, 0, "{told}");
    assert_eq!(folder.run("check --config rules/config.yaml").0, 0);
    let (code, told) = folder.run("test --config rules/config.yaml");
    assert!(code == 0 && told.contains("(100 %)"), "{told}");
    assert_eq!(folder.run("test rules/tests").0, 0);
}

#[test]
fn init_overwrites_only_what_it_is_told_to() {
    let folder = Folder::new(&[("policies/example.cedar", "mine")]);
    let (code, told) = folder.run("init");
    assert!(code == 3 && told.contains("policies/example.cedar` is there already"), "{told}");
    assert_eq!(folder.read("policies/example.cedar"), "mine");
    assert!(!folder.path("config.yaml").exists());
    assert_eq!(folder.run("init --force").0, 0);
    assert!(folder.read("policies/example.cedar").contains("@id"));
}

#[test]
fn completions_know_the_commands_of_each_shell() {
    let folder = Folder::new(&[]);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, told) = folder.run(&format!("completions {shell}"));
        assert!(code == 0 && told.contains("explain") && told.contains("coverage-min"), "{shell}: {told}");
    }
}

fn schema() -> Value {
    serde_json::from_slice(&run_in(Path::new("."), "schema").stdout).unwrap()
}

#[test]
fn the_schema_in_the_repository_is_the_one_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/config.schema.json");
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(committed == schema(), "run `cargo run -- schema > schema/config.schema.json`");
}

/// Whether a JSON Schema validator accepts a configuration.
fn is_valid(yaml: &str) -> bool {
    let value: Value = serde_saphyr::from_str(yaml).unwrap();
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("config.schema.json", schema()).unwrap();
    let index = compiler.compile("config.schema.json", &mut schemas).unwrap();
    schemas.validate(&value, index).is_ok()
}

#[test]
fn the_examples_fit_the_schema() {
    for example in [
        CONFIG,
        include_str!("../../examples/keycloak.yaml"),
        include_str!("../../examples/starter/config.yaml"),
    ] {
        assert!(is_valid(example));
    }
}

#[test]
fn what_the_reader_takes_fits_the_schema() {
    for yaml in [
        "general_settings: {master_key: os.environ/KEY, database_url: x, public_routes: [a], custom_auth: null}",
        "general_settings: {enable_jwt_auth: os.environ/FLAG, litellm_jwtauth: {public_key_ttl: os.environ/TTL}}",
        "general_settings: {litellm_jwtauth: {issuers: [{issuer: a, audience: b}, {issuer: c, audience: [d]}]}}",
        "litellm_settings: {drop_params: true}\nmodel_list:",
        "model_list: [{model_name: a, litellm_params: {model: b, rpm: 3}, model_info: {id: x}}]",
        "modelgate: {tests: a, max_body_bytes: 4096, strict: true}",
    ] {
        assert!(is_valid(yaml), "{yaml}");
    }
}

#[test]
fn what_the_reader_refuses_does_not_fit_the_schema() {
    for yaml in [
        CONFIG.replace("user_allowed_roles", "user_alowed_roles").as_str(),
        CONFIG.replace("role_permissions", "role_permission").as_str(),
        CONFIG.replace("role: internal_user", "role: employee").as_str(),
        "role_permissions: []",
        "include: [other.yaml]",
        "general_settings: {custom_auth: auth.py}",
        "model_list: [{model_name: a}]",
        "modelgate: {max_body_bytes: -1}",
        "modelgate: {policy: p}",
        "teams: [{team_alias: a}]",
    ] {
        assert!(!is_valid(yaml), "{yaml}");
    }
}

#[test]
fn every_key_has_a_description() {
    let schema = schema();
    let blocks = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    let keys = blocks.filter_map(|block| block["properties"].as_object()).flatten();
    let bare: Vec<&String> = keys
        .filter(|(_, key)| key["description"].as_str().is_none_or(str::is_empty))
        .map(|(name, _)| name)
        .collect();
    assert!(bare.is_empty(), "{bare:?}");
}
