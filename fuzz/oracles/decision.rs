//! The engine decides as the naive reference does.
//!
//! Each byte of an input makes one choice: the keys and values of a configuration, the claims of a token, and the
//! request. If an input ends early, every remaining choice takes the first option.

use http::{HeaderMap, HeaderValue, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::Snapshot;
use modelgate::names::Role;
use modelgate::request::{RequestParts, classify};
use serde_json::{Map, Value, json};

use crate::reference;

const MODELS: [&str; 5] = ["gpt-4o", "claude-3", "openai/x", "*", "unlisted"];
const ROLES: [&str; 3] = ["internal_user", "team", "proxy_admin"];
const ROUTES: [&str; 5] =
    ["openai_routes", "/v1/chat/completions", "/custom*", "info_routes", "management_routes"];
const PATHS: [&str; 6] =
    ["/v1/chat/completions", "/v1/embeddings", "/v1/files/abc", "/custom/a", "/key/generate", "/model/info"];
const TEAMS: [&str; 3] = ["alpha", "beta", "gamma"];
const TOKEN_ROLES: [&str; 3] = ["basic", "other", "x"];
const TEAM_MODELS: [&str; 5] = ["gpt-4o", "openai/*", "*", "group-a", "all-proxy-models"];

struct Choices<'d>(std::slice::Iter<'d, u8>);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or_default()
    }

    fn yes(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    fn one(&mut self, of: &[&str]) -> Value {
        let index = usize::from(self.byte()).checked_rem(of.len()).unwrap_or_default();
        json!(of.get(index))
    }

    /// One bit for each choice.
    fn some(&mut self, of: &[&str]) -> Value {
        let bits = self.byte();
        json!(
            of.iter()
                .enumerate()
                .filter(|(i, _)| bits >> i & 1 == 1)
                .map(|(_, name)| name)
                .collect::<Vec<_>>()
        )
    }

    fn maybe(&mut self, into: &mut Map<String, Value>, key: &str, value: impl FnOnce(&mut Self) -> Value) {
        if self.yes() {
            let value = value(self);
            into.insert(key.to_owned(), value);
        }
    }

    fn several(&mut self, make: impl Fn(&mut Self) -> Value) -> Value {
        let count = self.byte() % 4;
        (0..count).map(|_| make(self)).collect()
    }

    fn jwtauth(&mut self) -> Map<String, Value> {
        let mut jwt = Map::new();
        jwt.insert("enforce_rbac".to_owned(), json!(self.yes()));
        jwt.insert("enforce_team_based_model_access".to_owned(), json!(self.yes()));
        self.maybe(&mut jwt, "user_id_jwt_field", |_| json!("sub"));
        self.maybe(&mut jwt, "user_email_jwt_field", |_| json!("email"));
        if jwt.contains_key("user_email_jwt_field") {
            self.maybe(&mut jwt, "user_allowed_email_domain", |_| json!("my-co.com"));
        }
        self.maybe(&mut jwt, "team_id_jwt_field", |_| json!("tenant.team"));
        self.maybe(&mut jwt, "team_ids_jwt_field", |_| json!("groups"));
        self.maybe(&mut jwt, "team_alias_jwt_field", |_| json!("team_name"));
        self.maybe(&mut jwt, "team_id_default", |c| c.one(&TEAMS));
        self.maybe(&mut jwt, "team_allowed_routes", |c| c.some(&ROUTES));
        self.maybe(&mut jwt, "admin_allowed_routes", |c| c.some(&ROUTES));
        if self.yes() {
            jwt.extend([
                ("user_roles_jwt_field".to_owned(), json!("roles")),
                ("user_allowed_roles".to_owned(), json!(["basic"])),
            ]);
        }
        let mappings = self.several(|c| json!({"role": c.one(&["x", "y"]), "internal_role": c.one(&ROLES)}));
        if mappings != json!([]) {
            jwt.extend([("roles_jwt_field".to_owned(), json!("r")), ("role_mappings".to_owned(), mappings)]);
            self.maybe(&mut jwt, "object_id_jwt_field", |_| json!("oid"));
        }
        let scopes =
            self.several(|c| json!({"scope": c.one(&["s.one", "s.two"]), "models": c.some(&MODELS)}));
        jwt.extend([
            ("scope_mappings".to_owned(), scopes),
            ("enforce_scope_based_access".to_owned(), json!(true)),
        ]);
        jwt
    }

    fn entry(&mut self) -> Value {
        let mut entry = Map::from_iter([("role".to_owned(), self.one(&ROLES))]);
        self.maybe(&mut entry, "models", |c| c.some(&MODELS));
        self.maybe(&mut entry, "routes", |c| c.some(&ROUTES));
        Value::Object(entry)
    }

    fn config(&mut self) -> Value {
        let mut general = Map::from_iter([("enable_jwt_auth".to_owned(), json!(true))]);
        general.insert("litellm_jwtauth".to_owned(), self.jwtauth().into());
        general.insert("enforce_rbac".to_owned(), json!(self.yes()));
        self.maybe(&mut general, "role_permissions", |c| c.several(Self::entry));
        let teams = TEAMS.iter().filter_map(|id| {
            let declared = self.yes();
            declared.then(|| {
                json!({"team_id": id, "team_alias": self.one(&["A", "B"]), "models": self.some(&TEAM_MODELS),
                "blocked": self.yes()})
            })
        });
        let teams: Vec<Value> = teams.collect();
        json!({"general_settings": general, "teams": teams, "model_list": [
            {"model_name": "gpt-4o", "litellm_params": {"model": "openai/x"}},
            {"model_name": "claude-3", "litellm_params": {"model": "openai/x"}, "model_info": {"access_groups": ["group-a"]}},
            {"model_name": "openai/x", "litellm_params": {"model": "openai/x"}}]})
    }

    /// `modelgate.strict` and `modelgate.role_permissions`. Each role may inherit from the roles before it.
    fn ours(&mut self, config: &mut Value) {
        let jwt = &config["general_settings"]["litellm_jwtauth"];
        let enforced = jwt["enforce_rbac"] == true;
        let mut ours = Map::new();
        if self.yes() {
            let roles: Vec<Value> = (0..self.byte() % 4)
                .zip(TOKEN_ROLES)
                .map(|(i, role)| {
                    let mut entry = Map::from_iter([("role".to_owned(), json!(role))]);
                    self.maybe(&mut entry, "models", |c| c.some(&TEAM_MODELS));
                    self.maybe(&mut entry, "deny_models", |c| c.some(&TEAM_MODELS));
                    self.maybe(&mut entry, "routes", |c| c.some(&ROUTES));
                    self.maybe(&mut entry, "inherits", |c| c.some(&TOKEN_ROLES[..usize::from(i)]));
                    Value::Object(entry)
                })
                .collect();
            ours.insert("role_permissions".to_owned(), roles.into());
            config["general_settings"]["litellm_jwtauth"]["user_roles_jwt_field"] = json!("roles");
        }
        if self.yes() && (enforced || !ours.is_empty()) {
            ours.insert("strict".to_owned(), json!(true));
        }
        config["modelgate"] = ours.into();
    }

    fn claims(&mut self) -> Map<String, Value> {
        let mut claims = Map::new();
        self.maybe(&mut claims, "sub", |c| c.one(&["u1", ""]));
        self.maybe(&mut claims, "email", |c| {
            c.one(&["a@my-co.com", "my-co.com", "@my-co.com", "a@b@other.com"])
        });
        self.maybe(&mut claims, "oid", |c| c.one(&["o-1", "alpha", ""]));
        self.maybe(&mut claims, "roles", |c| c.some(&["basic", "other"]));
        self.maybe(&mut claims, "r", |c| c.one(&["x", "y x", "z"]));
        self.maybe(&mut claims, "groups", |c| c.some(&["gamma", "alpha", "beta", "nobody"]));
        self.maybe(&mut claims, "scope", |c| {
            c.one(&["s.one", "s.two openid", "litellm_proxy_admin", "none"])
        });
        self.maybe(&mut claims, "team_name", |c| c.one(&["A", "B", "C"]));
        self.maybe(&mut claims, "tenant", |c| json!({"team": c.one(&["alpha", "beta", "nobody", ""])}));
        claims
    }
}

pub(crate) fn check(data: &[u8]) {
    let mut choices = Choices(data.iter());
    let (mut config, mut claims) = (choices.config(), choices.claims());
    let (path, model) = (choices.one(&PATHS), choices.one(&MODELS));
    let header = choices.yes().then(|| choices.one(&["alpha", "beta", "A", "nobody"]));
    choices.ours(&mut config);
    choices.maybe(
        &mut claims,
        "_claim_names",
        |c| json!({c.one(&["groups", "roles", "amr"]).as_str().unwrap_or_default(): "src1"}),
    );
    let (path, header) = (path.as_str().unwrap_or_default(), header.as_ref().and_then(Value::as_str));

    let read = Config::parse("fuzz.json", &config.to_string(), ".".as_ref(), &|_| None);
    let snapshot = match read {
        Ok(config) => Snapshot::build(config).expect("what was read translates"),
        Err(error) => panic!("a configuration that should be valid: {error}\n{config}"),
    };
    let headers: HeaderMap = header
        .map(|team| ("x-litellm-team-id", team))
        .into_iter()
        .map(|(name, team)| {
            (http::HeaderName::from_static(name), HeaderValue::from_str(team).expect("a plain value"))
        })
        .collect();
    let body = json!({"model": model}).to_string();
    let parts =
        RequestParts { method: &Method::POST, path, query: None, headers: &headers, body: body.as_bytes() };
    let call = classify(&parts).expect("a plain request");

    let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims.clone()));
    let expected = reference::decide(&config, &claims, header, path, model.as_str());
    let decided = snapshot.authorize(&caller, call);
    let rule = decided.as_ref().err().map(|denied| denied.rule.as_str());
    assert_eq!(
        (decided.is_ok(), rule),
        (expected.allow, expected.rule),
        "{config}\n{claims:?}\n{path} {model} {header:?}"
    );
    if let Ok(permit) = decided {
        let decision = permit.decision();
        let role = decision.role.map(Role::as_str);
        assert_eq!(
            (role, decision.user_id.as_deref(), decision.team_id.as_deref()),
            (expected.role, expected.user_id.as_deref(), expected.team_id.as_deref())
        );
    }
}
