//! The translation is exact: of every kind of rule, of the examples, and of generated configurations.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use modelgate::config::Config;
use modelgate::dropins::DropIns;
use modelgate::prove::{Prover, Subject};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use crate::{CONFIG, generate, prover};

/// Configurations that the translation treats in each of its ways, and which generated ones do not have.
const MORE: [&str; 13] = [
    "general_settings: {master_key: k}\nmodel_list: []\n",
    // Wildcards, aliases and access groups; lists that are empty; entries behind the first one of a role.
    "
general_settings:
  enable_jwt_auth: true
  master_key: k
  litellm_jwtauth: {user_id_jwt_field: sub, team_id_jwt_field: team, team_alias_jwt_field: name, enforce_rbac: true,
    team_allowed_routes: [openai_routes, /custom*], team_id_upsert: true}
  role_permissions:
    - {role: internal_user, models: [\"openai/*\", alias], routes: []}
    - {role: team, models: []}
    - {role: team, models: [gpt-4o], routes: [openai_routes]}
    - {role: team}
teams:
  - {team_id: a, models: [\"openai/*\", gold], team_alias: A}
  - {team_id: b, models: [no-default-models], blocked: true, team_alias: B}
  - {team_id: c, models: [all-proxy-models], team_alias: A}
router_settings: {model_group_alias: {alias: gpt-4o}}
model_list:
  - {model_name: gpt-4o, litellm_params: {model: openai/gpt-4o, api_key: k}, model_info: {access_groups: [gold]}}
  - {model_name: \"openai/*\", litellm_params: {model: openai/*, api_key: k}}
",
    // An entry without lists, under `strict`.
    "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_id_jwt_field: sub, team_id_jwt_field: team, enforce_rbac: true}
  role_permissions: [{role: internal_user}, {role: team, models: [small]}]
modelgate: {strict: true}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
",
    // Each mandatory check by itself.
    "
general_settings:
  enable_jwt_auth: true
  enforce_rbac: true
  litellm_jwtauth: {user_email_jwt_field: email, user_allowed_email_domain: a.com}
",
    "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_id_jwt_field: sub, enforce_scope_based_access: true, admin_allowed_routes: [/key/generate],
    scope_mappings: [{scope: s, models: [small]}, {scope: t, models: [large]}, {scope: s, models: [extra]}]}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
",
    "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {team_ids_jwt_field: groups, enforce_team_based_model_access: true,
    roles_jwt_field: r, role_mappings: [{role: w, internal_role: internal_user}, {role: z, internal_role: proxy_admin}],
    object_id_jwt_field: oid}
teams:
  - {team_id: a, models: [small]}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
",
    "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_id_jwt_field: sub, user_roles_jwt_field: roles, enforce_rbac: true}
  role_permissions: [{role: internal_user, routes: [openai_routes]}]
modelgate:
  strict: true
  role_permissions:
    - {role: base, models: [small], deny_models: [\"open*\"], routes: [/v1/embeddings]}
    - {role: lead, inherits: [base], models: [\"*\"], deny_models: [gold]}
    - {role: head, inherits: [lead, base]}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}, model_info: {access_groups: [gold]}}
",
    // R2: an entry with lists before another one of its role, wildcards that are ordinary names, a route that R9 closes, and two
    // roles without an entry.
    "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_id_jwt_field: sub, enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small, \"openai/*\"], routes: [/v1/chat/completions, /key/generate, /custom*]}
    - {role: internal_user, models: [large], routes: [openai_routes]}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
",
    // R3, beside a master key, and without mappings.
    "
general_settings:
  enable_jwt_auth: true
  master_key: k
  litellm_jwtauth: {user_id_jwt_field: sub, enforce_scope_based_access: true, scope_mappings: [{scope: s, models: [small]}]}
",
    "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_id_jwt_field: sub, enforce_scope_based_access: true}
",
    // R6 without R2: a team without a list, with each kind of entry, and one that is blocked. R8 and R9 beside teams.
    "
general_settings:
  enable_jwt_auth: true
  enforce_rbac: true
  litellm_jwtauth: {user_id_jwt_field: sub, team_ids_jwt_field: groups, team_allowed_routes: [/v1/chat/completions, /custom*]}
teams:
  - {team_id: a}
  - {team_id: b, models: [gold]}
  - {team_id: c, models: [\"openai/*\"]}
  - {team_id: d, models: [all-proxy-models]}
  - {team_id: e, models: [small], blocked: true}
  - {team_id: f, models: [\"*\"]}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}, model_info: {access_groups: [gold]}}
  - {model_name: small, litellm_params: {model: openai/small, api_key: l}, model_info: {access_groups: [silver]}}
modelgate: {routes: {sdk: closed}}
",
    // Each entry of a role by itself, and inheritance over two steps. Only `all` may use what the spelling decides.
    "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles}
modelgate:
  role_permissions:
    - {role: group, models: [gold]}
    - {role: wild, models: [\"openai/*\"], routes: [/key/generate, openai_routes]}
    - {role: first, models: [small]}
    - {role: second, inherits: [first], routes: []}
    - {role: third, inherits: [second]}
    - {role: all, models: [\"*\"], deny_models: [gold, \"vendor/*\", large, \"openai/o1*\"]}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}, model_info: {access_groups: [gold]}}
  - {model_name: large, litellm_params: {model: openai/large, api_key: k}}
  - {model_name: \"vendor/*\", litellm_params: {model: openai/*, api_key: k}}
  - {model_name: \"o1*\", litellm_params: {model: openai/o1*, api_key: k}}
  - {model_name: \"other/*\", litellm_params: {model: openai/*, api_key: k}}
",
    // Denials alone: without a wildcard in `model_list`, each name is decided as it is written.
    "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_id_jwt_field: sub, enforce_rbac: true}
modelgate: {role_permissions: [{role: some, models: [\"*\"], deny_models: [small]}, {role: any, models: [large, new]}]}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
  - {model_name: large, litellm_params: {model: openai/large, api_key: k}}
",
];

/// Proves that the translation of each is exact.
fn translations(prover: &Prover, configs: &[Config]) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(config) = configs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let subject = Subject::new(config.clone(), DropIns::default()).unwrap();
            let report = prover.prove_translation(&subject).unwrap();
            if !report.is_proven() {
                // The first one is enough.
                next.fetch_max(configs.len(), Ordering::Relaxed);
            }
            assert!(report.is_proven() && report.claims.len() == 4, "{config:#?}\n{report:#?}");
        }
    };
    std::thread::scope(|scope| {
        let workers = 0..std::thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = workers.map(|_| scope.spawn(work)).collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

fn config(name: &str, text: &str) -> Config {
    Config::parse(name, text, ".".as_ref(), &|_| None).unwrap()
}

#[test]
fn the_translation_of_every_kind_of_rule_is_exact() {
    let Some(prover) = prover("the_translation_of_every_kind_of_rule_is_exact") else { return };
    let all: Vec<Config> = MORE.iter().chain([&CONFIG]).map(|text| config("config.yaml", text)).collect();
    translations(&prover, &all);
}

#[test]
fn the_translation_of_every_example_is_exact() {
    let Some(prover) = prover("the_translation_of_every_example_is_exact") else { return };
    let mut examples = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let is_yaml = path.extension().is_some_and(|extension| extension == "yaml");
            if path.is_dir() {
                folders.push(path);
            } else if is_yaml && !path.ends_with("tests/cases.yaml") {
                examples.push(Config::load(&path, &|_| Some("https://a.com".to_owned())).unwrap());
            }
        }
    }
    assert!(examples.len() >= 6, "{examples:?}");
    translations(&prover, &examples);
}

/// `MODELGATE_PROVE_CASES` says how many.
#[test]
fn the_translation_of_generated_configurations_is_exact() {
    let Some(prover) = prover("the_translation_of_generated_configurations_is_exact") else { return };
    let mut runner = TestRunner::deterministic();
    let cases = std::env::var("MODELGATE_PROVE_CASES").map_or(30, |cases| cases.parse().unwrap());
    let generated = |_| {
        let generated = generate::config().new_tree(&mut runner).unwrap().current();
        config("generated.json", &generated.to_string())
    };
    translations(&prover, &(0..cases).map(generated).collect::<Vec<_>>());
}
