//! The verdict of the solver about two rules is that of an evaluation of every request.
//!
//! Each byte of an input makes one choice: first for the older rules, then for the newer ones. If an input ends early, every
//! remaining choice takes the first option. A small universe of tokens and requests has a member for nearly everything that
//! the rules can tell apart: none of its members may differ where the solver finds no difference, and what it finds must differ.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::{AuthzQuery, Snapshot};
use modelgate::gateway::internal;
use modelgate::names::ModelName;
use modelgate::prove::{Counterexample, Limits, ProveError, Prover, Relation, Subject, Verdict};
use modelgate::request::{ModelUse, RequestContext};
use serde_json::{Map, Value, json};

use crate::choices::Choices;

/// Both rules, in words for a finding.
type Rules = (Value, String);

static PROVER: LazyLock<Result<Prover, ProveError>> = LazyLock::new(|| {
    let mut limits = Limits::default();
    // What takes longer is undecided, and says nothing.
    limits.time = Duration::from_secs(5);
    Prover::new(limits)
});

/// Checks one input. A solver that is missing is a finding.
pub(crate) fn check(data: &[u8]) {
    let mut choices = Choices::of(data);
    let mut one = rules(&mut choices);
    let mut other = if choices.below(4) == 3 {
        rules(&mut choices)
    } else {
        // Rules that differ little are the ones whose difference could be overlooked.
        let mut other = one.clone();
        vary(&mut other, &mut choices);
        other
    };
    if choices.yes() {
        one.1.push_str(&policy(&mut choices, 9));
    }
    let first = denied(&mut choices);
    let second = if choices.yes() { denied(&mut choices) } else { first.clone() };
    let [is_denying, is_other_denying] = [deny(&mut one.0, &first), deny(&mut other.0, &second)];
    // Which names spell a denied one is no part of a formula: where other names are denied, a difference may be undecided.
    let may_be_undecided =
        (is_denying || is_other_denying) && (first != second || is_denying != is_other_denying);
    let contexts = contexts(&[&one.1, &other.1]);
    // More take longer to evaluate than they are worth.
    if contexts.len() > 24 {
        return;
    }
    let (Some(old), Some(new)) = (subject(&one), subject(&other)) else { return };
    let prover = PROVER.as_ref().expect("the solver cvc5");
    let compared = prover.compare(&old, &new).expect("rules that can be compared");
    let context = || format!("{}\n{}\n{}\n{}\n{compared:#?}", one.0, one.1, other.0, other.1);
    assert!(may_be_undecided || compared.relation() != Relation::Undecided, "{}", context());
    let (mut gained, mut lost) = (None, None);
    let reads_department = [&one.1, &other.1].iter().any(|text| text.contains("department"));
    for request in universe(&contexts, reads_department, is_denying || is_other_denying) {
        match (request.is_allowed(old.snapshot()), request.is_allowed(new.snapshot())) {
            (false, true) => gained = gained.or(Some(request)),
            (true, false) => lost = lost.or(Some(request)),
            _ => {}
        }
    }
    for (found, verdict, [allows, denies]) in [
        (gained, &compared.gained, [new.snapshot(), old.snapshot()]),
        (lost, &compared.lost, [old.snapshot(), new.snapshot()]),
    ] {
        match verdict {
            // The universe may lack what the solver found. The engine has decided it.
            Verdict::Violated { counterexample: Some(shown), .. } => {
                assert!(shows(shown, allows, denies), "{}", context());
            }
            Verdict::Proven if found.is_none() => {}
            Verdict::Undecided(_) if may_be_undecided => {}
            _ => panic!("{found:?}\n{}", context()),
        }
    }
}

/// Whether a request is allowed by one and denied by the other.
fn shows(shown: &Counterexample, allows: &Snapshot, denies: &Snapshot) -> bool {
    let is_allowed = |by| shown.scenario.decide(by).is_some_and(|decided| decided.is_ok());
    is_allowed(allows) && !is_allowed(denies)
}

fn subject((config, policies): &Rules) -> Option<Subject> {
    let config = Config::parse("fuzz.json", &config.to_string(), ".".as_ref(), &|_| None);
    let dropins = internal::dropins(&[("a.cedar", policies)]).expect("files that can be parsed");
    // Strict validation refuses some policies.
    Subject::new(config.expect("a valid configuration"), dropins).ok()
}

fn rules(choices: &mut Choices<'_>) -> Rules {
    let models = &["small", "large", "extra", "acme/*", "gold", "*"];
    let routes = &["openai_routes", "/custom", "info_routes"];
    let listed = |choices: &mut Choices<'_>, entry: &mut Value| {
        entry["models"] = json!(choices.some(models));
        if choices.below(3) == 2 {
            entry["routes"] = json!(choices.some(routes));
        }
    };
    let mut jwt = json!({"user_id_jwt_field": "sub", "roles_jwt_field": "roles", "enforce_rbac": choices.below(4) != 3});
    if choices.yes() {
        jwt["team_ids_jwt_field"] = json!("groups");
    }
    if choices.below(4) == 3 {
        jwt["team_allowed_routes"] = json!(["openai_routes"]);
    }
    if choices.below(4) == 3 {
        jwt["enforce_scope_based_access"] = json!(true);
        jwt["scope_mappings"] = json!([{"scope": "s.one", "models": choices.some(models)}]);
    }
    let mut user = json!({"role": "internal_user"});
    listed(choices, &mut user);
    let mut ours = json!({});
    if choices.yes() {
        let mut entries = [json!({"role": "dev"}), json!({"role": "ops"})];
        entries.iter_mut().for_each(|entry| listed(choices, entry));
        if choices.yes() {
            entries[1]["inherits"] = json!(["dev"]);
        }
        ours["role_permissions"] = json!(entries);
    }
    let team = |id: &str, models: Vec<&str>, blocked: bool| json!({"team_id": id, "models": models, "blocked": blocked});
    let teams = [
        team("blue", choices.some(models), choices.below(8) == 7),
        team("red", choices.some(models), choices.below(8) == 7),
    ];
    let model = |name: &str, groups: &[&str]| json!({"model_name": name, "litellm_params": {"model": "openai/x"}, "model_info": {"access_groups": groups}});
    let config = json!({
        "general_settings": {"enable_jwt_auth": true, "litellm_jwtauth": jwt, "role_permissions": [user]},
        "modelgate": ours,
        "teams": teams,
        "model_list": [model("small", &[]), model("large", &["gold"]), model("extra", &["gold"]), model("acme/*", &[])],
    });
    let count = choices.below(3);
    (config, (0..count).map(|number| policy(choices, number)).collect())
}

/// What each of two roles may not use.
fn denied(choices: &mut Choices<'_>) -> [Vec<&'static str>; 2] {
    let names = &["small", "gold", "acme/*", "x", "acme/X", "*-large", "*"];
    [(); 2].map(|()| if choices.yes() { choices.some(names) } else { Vec::new() })
}

/// Denies models to the two roles, if the rules have them. Whether a model is denied.
fn deny(config: &mut Value, denied: &[Vec<&str>; 2]) -> bool {
    let entries = config.pointer_mut("/modelgate/role_permissions").and_then(Value::as_array_mut);
    let denying = entries.into_iter().flatten().zip(denied).filter(|(_, denied)| !denied.is_empty());
    denying.map(|(entry, denied)| entry["deny_models"] = json!(denied)).count() > 0
}

/// Changes one thing, or none.
fn vary((config, policies): &mut Rules, choices: &mut Choices<'_>) {
    match choices.below(5) {
        0 => policies.push_str(&policy(choices, 8)),
        1 => *policies = String::new(),
        2 => {
            config["general_settings"]["role_permissions"][0]["models"] =
                json!(choices.some(&["small", "large", "extra"]))
        }
        3 => config["teams"][0]["models"] = json!(choices.some(&["small", "gold", "acme/*"])),
        _ => {}
    }
}

/// The conditions of policies, and whether they are about a model.
const CONDITIONS: [(&str, bool); 12] = [
    ("true", false),
    ("context.time.toTime() < duration(\"12h\")", false),
    ("context.weekday == \"sunday\"", false),
    ("context has source && context.source.isInRange(ip(\"10.0.0.0/8\"))", false),
    ("principal.hasTag(\"department\") && principal.getTag(\"department\").contains(\"north\")", false),
    ("principal.roles.contains(\"ops\")", false),
    ("principal has team && principal.team == Team::\"blue\"", false),
    ("principal has user_id && principal.user_id == \"ada\"", false),
    ("principal.admin", false),
    ("context.tools > 2", true),
    ("context has max_tokens && context.max_tokens > 100", true),
    ("context.images || context.stream", true),
];

fn policy(choices: &mut Choices<'_>, number: usize) -> String {
    let effect = choices.one(&["forbid", "permit"]);
    let principal = choices.one(&[
        "principal",
        "principal in TokenRole::\"dev\"",
        "principal in Role::\"internal_user\"",
        "principal in Team::\"red\"",
    ]);
    let (action, resource, is_of_model) = match choices.below(4) {
        0 => ("action", "resource", false),
        1 => {
            let routes =
                ["resource", "resource == Route::\"/custom\"", "resource in RouteGroup::\"openai_routes\""];
            ("action == Action::\"call_route\"", choices.one(&routes), false)
        }
        _ => {
            let models = [
                "resource",
                "resource == Model::\"small\"",
                "resource in AccessGroup::\"gold\"",
                "resource in Provider::\"acme\"",
            ];
            ("action == Action::\"use_model\"", choices.one(&models), true)
        }
    };
    let usable: Vec<&str> =
        CONDITIONS.iter().filter(|(_, of_model)| is_of_model || !of_model).map(|(text, _)| *text).collect();
    let clauses = (0..choices.below(3)).map(|_| {
        let word = choices.one(&["when", "unless"]);
        format!(" {word} {{ {} }}", choices.one(&usable))
    });
    let clauses: String = clauses.collect();
    format!("@id(\"p{number}\") {effect}({principal}, {action}, {resource}){clauses};\n")
}

/// A request of the universe.
#[derive(Clone, Debug)]
struct Asked {
    claims: Map<String, Value>,
    query: AuthzQuery,
}

impl Asked {
    fn is_allowed(&self, by: &Snapshot) -> bool {
        let caller = by.identify(&VerifiedClaims::dangerous_trust(self.claims.clone()));
        by.decide_query(&caller, &self.query).is_ok()
    }
}

/// Everything but the token, the path and the model that policies can tell apart. A thing that none reads has one value.
fn contexts(policies: &[&str]) -> Vec<AuthzQuery> {
    let reads = |name: &str| policies.iter().any(|text| text.contains(name));
    let mut contexts = vec![AuthzQuery { body_bytes: 10, ..AuthzQuery::default() }];
    let mut each = |values: usize, set: &dyn Fn(&mut AuthzQuery, usize)| {
        contexts = contexts
            .iter()
            .flat_map(|known| {
                (0..values).map(|value| {
                    let mut next = known.clone();
                    set(&mut next, value);
                    next
                })
            })
            .collect();
    };
    // 2026-01-04 is a Sunday.
    let day = 20_457;
    let moments = if reads("context.time") || reads("context.weekday") { 4 } else { 1 };
    each(moments, &|query, value| {
        let seconds = (day + value as u64 / 2) * 86_400 + [3_600, 72_000][value % 2];
        let time = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        query.request_context = RequestContext { time, source: None };
    });
    each(if reads("source") { 3 } else { 1 }, &|query, value| {
        query.request_context.source = [None, Some([10, 1, 2, 3].into()), Some([192, 0, 2, 1].into())][value];
    });
    each(if reads("context.tools") { 2 } else { 1 }, &|query, value| {
        query.model_use.tools = [0, 3][value];
    });
    each(if reads("max_tokens") { 2 } else { 1 }, &|query, value| {
        query.model_use.max_tokens = [None, Some(101)][value];
    });
    each(if reads("context.images") { 2 } else { 1 }, &|query, value| {
        query.model_use = ModelUse { images: value == 1, ..query.model_use };
    });
    contexts
}

/// Every token and request that the rules can tell apart.
fn universe(contexts: &[AuthzQuery], reads_department: bool, denies: bool) -> Vec<Asked> {
    let mut models =
        ["small", "large", "extra", "acme/x", "other", "*", "acme/*", "gold", "a,b"].map(Some).to_vec();
    // Where models are denied, names are compared by their spelling.
    models.extend(
        ["SMALL", "openai/large", "acme/small", "acme/X", "acme/x:free", "acme/-large", "small,acme/y"]
            .map(Some)
            .into_iter()
            .filter(|_| denies),
    );
    let mut questions = Vec::new();
    for context in contexts {
        for path in ["/v1/chat/completions", "/custom", "/v1/models", "/health", "/key/generate"] {
            let is_of_models = ["/v1/chat/completions", "/custom"].contains(&path);
            let named = models.iter().copied().take(if is_of_models { models.len() } else { 1 });
            for model in named.chain([None]) {
                let models = model.into_iter().map(|name| ModelName::new(name).expect("a name")).collect();
                let (method, route) = ("POST".to_owned(), path.to_owned());
                questions.push(AuthzQuery { method, route, models, ..context.clone() });
            }
        }
    }
    let departments: &[Option<&str>] = if reads_department { &[None, Some("north")] } else { &[None] };
    let mut all = Vec::new();
    for bits in 0..128_usize {
        for department in departments {
            let mut claims = Map::new();
            let some = |names: [(usize, &'static str); 2]| -> Vec<&'static str> {
                names.into_iter().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, name)| name).collect()
            };
            claims.insert("roles".to_owned(), json!(some([(0, "dev"), (1, "ops")])));
            claims.insert("groups".to_owned(), json!(some([(2, "blue"), (3, "red")])));
            claims.insert("scope".to_owned(), json!(some([(4, "s.one"), (5, "litellm_proxy_admin")])));
            claims.extend((bits >> 6 & 1 == 1).then(|| ("sub".to_owned(), json!("ada"))));
            claims.extend(department.map(|name| ("department".to_owned(), json!(name))));
            let asked = |query: &AuthzQuery| Asked { claims: claims.clone(), query: query.clone() };
            all.extend(questions.iter().map(asked));
        }
    }
    all
}
