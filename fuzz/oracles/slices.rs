//! Policy files decide as Cedar does when it gets all policies at once, regardless of how many requests a snapshot
//! has decided.
//!
//! Each byte of an input makes one choice: first for policies, then for requests. If an input ends early, every
//! remaining choice takes the first option.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use cedar_policy::{
    Authorizer, Context, Effect, Entities, Entity, EntityUid, Policy, PolicySet, Request,
    RestrictedExpression as Expression,
};
use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::Snapshot;
use modelgate::gateway::internal;
use modelgate::request::{RequestContext, RequestParts, classify};
use modelgate::routes::is_in_group;
use serde_json::{Map, Value, json};

use crate::choices::Choices;

const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {roles_jwt_field: roles, user_id_jwt_field: sub, enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small, large]}
model_list:
  - {model_name: small, litellm_params: {model: gpt-4o-mini}}
  - {model_name: large, litellm_params: {model: gpt-4o}, model_info: {access_groups: [expensive]}}
";
const LISTED: &str = "general_settings.role_permissions[0].models";
/// A Tuesday, 12:00 UTC.
const TUESDAY_NOON: u64 = 1_795_521_600;

const PRINCIPALS: [&str; 9] = [
    "principal",
    "principal == Caller::\"#ada\"",
    "principal == Caller::\"#eve\"",
    "principal in Role::\"internal_user\"",
    "principal in Role::\"team\"",
    "principal in TokenRole::\"r1\"",
    "principal in TokenRole::\"r2\"",
    "principal is Caller",
    "principal is Caller in TokenRole::\"r1\"",
];
const MODELS: [&str; 8] = [
    "resource",
    "resource == Model::\"small\"",
    "resource == Model::\"openai/x\"",
    "resource in ModelSet::\"general_settings.role_permissions[0].models\"",
    "resource in AccessGroup::\"expensive\"",
    "resource in Provider::\"openai\"",
    "resource is Model",
    "resource is Model in Provider::\"openai\"",
];
const ROUTES: [&str; 6] = [
    "resource",
    "resource == Route::\"/v1/chat/completions\"",
    "resource in RouteGroup::\"openai_routes\"",
    "resource in RouteGroup::\"info_routes\"",
    "resource is Route",
    "resource is Route in RouteGroup::\"llm_api_routes\"",
];
/// Some of these fail to evaluate for some requests.
const CONDITIONS: [&str; 8] = [
    "",
    "when { principal.roles.contains(\"r1\") }",
    "unless { principal in TokenRole::\"r2\" }",
    "when { context.body_bytes > 60 }",
    "when { context.body_bytes + 9223372036854775750 > 0 }",
    "when { context.time < datetime(\"2026-11-24\") || context.weekday == \"tuesday\" }",
    "unless { context has source && context.source.isInRange(ip(\"10.0.0.0/8\")) }",
    "when { principal has user_id && principal.user_id == \"ada\" }",
];
const OF_MODELS: [&str; 4] = [
    "when { context has max_tokens && context.max_tokens * 4611686018427387904 > 0 }",
    "when { context.stream }",
    "when { resource.name like \"openai/*\" }",
    "unless { resource in AccessGroup::\"expensive\" }",
];

fn policy(choices: &mut Choices<'_>, number: usize) -> String {
    let effect = choices.one(&["permit", "forbid"]);
    let principal = choices.one(&PRINCIPALS);
    let (action, resource, mut conditions) = match choices.below(4) {
        0 => ("action", "resource", CONDITIONS.to_vec()),
        1 => ("action == Action::\"call_route\"", choices.one(&ROUTES), CONDITIONS.to_vec()),
        2 => ("action in [Action::\"use_model\"]", choices.one(&MODELS), CONDITIONS.to_vec()),
        _ => ("action == Action::\"use_model\"", choices.one(&MODELS), OF_MODELS.to_vec()),
    };
    conditions.push("");
    let condition = choices.one(&conditions);
    let shadow = choices.one(&["", "", "", "@shadow(\"trial\") "]);
    format!("@id(\"p{number}\") {shadow}{effect}({principal}, {action}, {resource}) {condition};")
}

/// A request, in the form of each side.
struct Asked {
    subject: &'static str,
    roles: Vec<&'static str>,
    path: &'static str,
    models: Vec<&'static str>,
    body: Map<String, Value>,
    request_context: RequestContext,
}

impl Asked {
    fn choose(choices: &mut Choices<'_>) -> Self {
        let names = ["small", "large", "openai/x", "gpt-9", "other"];
        let roles = ["r1", "r2", "r3"].into_iter().filter(|_| choices.yes()).collect();
        let subject = choices.one(&["ada", "eve", "bob"]);
        let path = choices.one(&["/v1/chat/completions", "/v1/embeddings", "/model/info"]);
        let model = choices.one(&names);
        let mut body = Map::from_iter([("model".to_owned(), json!(model))]);
        let mut models = vec![model];
        let more = choices.below(8);
        if more & 1 == 1 {
            body.insert("max_tokens".to_owned(), json!(more));
        }
        if more & 2 == 2 {
            body.insert("stream".to_owned(), json!(true));
        }
        if more & 4 == 4 {
            let other = choices.one(&names);
            body.insert("fallbacks".to_owned(), json!([other]));
            models.extend((other != model).then_some(other));
        }
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(TUESDAY_NOON);
        let known = choices.below(4);
        let request_context = RequestContext {
            time: (known != 3).then_some(time),
            source: [None, Some([10, 1, 2, 3].into()), Some([192, 0, 2, 1].into()), None][known],
        };
        Self { subject, roles, path, models, body, request_context }
    }
}

pub(crate) fn check(data: &[u8]) {
    let mut choices = Choices::of(data);
    let policies: Vec<String> = (0..=choices.below(10)).map(|number| policy(&mut choices, number)).collect();
    let text = policies.join("\n");
    let config = Config::parse("fuzz.yaml", CONFIG, ".".as_ref(), &|_| None).expect("a valid configuration");
    let dropins = internal::dropins(&[("a.cedar", &text)]).expect("plain policies");
    // Strict validation refuses policies that can never match.
    let Ok(snapshot) = Snapshot::with_policies(config, &dropins) else { return };
    let live: Vec<Policy> =
        snapshot.policies().filter(|view| !view.is_shadow()).map(|view| view.policy().clone()).collect();
    let shadowed: Vec<Policy> =
        snapshot.policies().filter(|view| view.is_shadow()).map(|view| view.policy().clone()).collect();
    let sets = [&live, &shadowed].map(|policies| {
        [Effect::Permit, Effect::Forbid].map(|effect| {
            let policies = policies.iter().filter(|policy| policy.effect() == effect).cloned();
            PolicySet::from_policies(policies).expect("each id once")
        })
    });
    for _ in 0..8 {
        let asked = Asked::choose(&mut choices);
        let expected = naive(&asked, &sets);
        for round in 0..2 {
            let decided = decide(&snapshot, &asked);
            assert_eq!(
                decided, expected,
                "{text}\n{} {:?} {} {:?} {round}",
                asked.subject, asked.roles, asked.path, asked.body
            );
        }
    }
}

/// Whether the request is allowed (`None` if a policy fails to evaluate), the policies that decide, and the shadow
/// policies that would change the decision.
type Outcome = (Option<bool>, BTreeSet<String>, BTreeSet<String>);

fn decide(snapshot: &Snapshot, asked: &Asked) -> Outcome {
    let claims = json!({"sub": asked.subject, "roles": asked.roles});
    let caller =
        snapshot.identify(&VerifiedClaims::dangerous_trust(claims.as_object().cloned().unwrap_or_default()));
    let body = Value::Object(asked.body.clone()).to_string();
    let (method, headers) = (Method::POST, HeaderMap::new());
    let parts = RequestParts {
        method: &method,
        path: asked.path,
        query: None,
        headers: &headers,
        body: body.as_bytes(),
    };
    let call = classify(&parts).expect("a plain request").with_context(asked.request_context);
    let decided = snapshot.decide(&caller, &call);
    let allow = match &decided {
        Ok(_) => Some(true),
        Err(denied) if denied.error.is_some() => {
            assert_eq!(denied.rule.as_str(), "evaluation");
            return (None, BTreeSet::new(), BTreeSet::new());
        }
        Err(_) => Some(false),
    };
    let decision = decided.as_ref().unwrap_or_else(|denied| &denied.decision);
    let ids = |ids: &[std::sync::Arc<str>]| ids.iter().map(ToString::to_string).collect();
    (allow, ids(&decision.policies), ids(&decision.shadow))
}

fn naive(asked: &Asked, [live, shadowed]: &[[PolicySet; 2]; 2]) -> Outcome {
    let entities = entities(asked);
    let questions = std::iter::once(("call_route", uid("Route", asked.path), None))
        .chain(asked.models.iter().map(|model| ("use_model", uid("Model", model), Some(*model))));
    let (mut allow, mut matched, mut closing, mut shadow) =
        (true, BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (action, resource, model) in questions {
        let context = context(asked, model);
        let request = Request::new(
            uid("Caller", &format!("#{}", asked.subject)),
            uid("Action", action),
            resource,
            context,
            None,
        )
        .expect("a request");
        let ask = |set: &PolicySet| {
            let response = Authorizer::new().is_authorized(&request, set, &entities);
            let matched: BTreeSet<String> =
                response.diagnostics().reason().map(ToString::to_string).collect();
            (matched, response.diagnostics().errors().next().is_some())
        };
        let ((permits, failed), (forbids, also_failed)) = (ask(&live[0]), ask(&live[1]));
        if failed || also_failed {
            return (None, BTreeSet::new(), BTreeSet::new());
        }
        // A shadow policy that fails does not match, and does not hide other shadow policies.
        let trial = [ask(&shadowed[0]).0, ask(&shadowed[1]).0];
        let allowed = !permits.is_empty() && forbids.is_empty();
        let granted = !permits.is_empty() || !trial[0].is_empty();
        match (allowed, granted && forbids.is_empty() && trial[1].is_empty()) {
            (true, false) => shadow.extend(trial[1].clone()),
            (false, true) => shadow.extend(trial[0].clone()),
            _ => {}
        }
        allow &= allowed;
        matched.extend(permits);
        closing.extend(forbids);
    }
    (Some(allow), if allow { matched } else { closing }, shadow)
}

fn uid(ty: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(ty.parse().expect("a type"), cedar_policy::EntityId::new(id))
}

fn entities(asked: &Asked) -> Entities {
    let texts = |texts: &[&str]| {
        Expression::new_set(texts.iter().map(|text| Expression::new_string((*text).to_owned())))
    };
    let empty = || Expression::new_set([]);
    let text = |text: &str| Expression::new_string(text.to_owned());
    let roles = asked.roles.iter().map(|role| uid("TokenRole", role));
    let caller = Entity::new(
        uid("Caller", &format!("#{}", asked.subject)),
        HashMap::from([
            ("admin".to_owned(), Expression::new_bool(false)),
            ("roles".to_owned(), texts(&asked.roles)),
            ("scopes".to_owned(), empty()),
            ("routes".to_owned(), empty()),
            ("teams".to_owned(), empty()),
            ("subject".to_owned(), text(asked.subject)),
            ("user_id".to_owned(), text(asked.subject)),
        ]),
        roles.chain([uid("Role", "internal_user")]).collect(),
    );
    let models = asked.models.iter().map(|name| {
        let mut parents = HashSet::new();
        parents.extend(["small", "large"].contains(name).then(|| uid("ModelSet", LISTED)));
        parents.extend((*name == "large").then(|| uid("AccessGroup", "expensive")));
        parents.extend(["openai/x", "gpt-9"].contains(name).then(|| uid("Provider", "openai")));
        Entity::new(uid("Model", name), HashMap::from([("name".to_owned(), text(name))]), parents)
            .expect("plain attributes")
    });
    let groups = ["openai_routes", "info_routes", "llm_api_routes"].into_iter();
    let route = Entity::new(
        uid("Route", asked.path),
        HashMap::from([("path".to_owned(), text(asked.path)), ("method".to_owned(), text("POST"))]),
        groups.filter(|group| is_in_group(group, asked.path)).map(|group| uid("RouteGroup", group)).collect(),
    );
    let all = [caller, route].into_iter().map(|entity| entity.expect("plain attributes"));
    let all: Vec<Entity> = all.chain(models).collect();
    Entities::from_entities(all, None).expect("each entity once")
}

fn context(asked: &Asked, model: Option<&str>) -> Context {
    let body = Value::Object(asked.body.clone()).to_string();
    let mut pairs = vec![
        ("method", Expression::new_string("POST".to_owned())),
        ("route", Expression::new_string(asked.path.to_owned())),
        ("body_bytes", Expression::new_long(i64::try_from(body.len()).expect("a short body"))),
    ];
    if asked.request_context.time.is_some() {
        pairs.push(("time", Expression::new_datetime("2026-11-24T12:00:00Z")));
        pairs.push(("weekday", Expression::new_string("tuesday".to_owned())));
    }
    pairs.extend(
        asked.request_context.source.map(|source| ("source", Expression::new_ip(source.to_string()))),
    );
    if model.is_some() {
        pairs.push(("stream", Expression::new_bool(asked.body.contains_key("stream"))));
        pairs.push(("tools", Expression::new_long(0)));
        pairs.push(("images", Expression::new_bool(false)));
        pairs.push(("audio", Expression::new_bool(false)));
        let tokens = asked.body.get("max_tokens").and_then(Value::as_i64);
        pairs.extend(tokens.map(|tokens| ("max_tokens", Expression::new_long(tokens))));
    }
    Context::from_pairs(pairs.into_iter().map(|(name, value)| (name.to_owned(), value))).expect("a context")
}
