//! The values of the typed configuration.

use std::time::Duration;

use miette::{Diagnostic, Severity};
use secrecy::ExposeSecret;

use super::{ignored, parse, parse_with, problems, problems_with};
use crate::config::AdminListen;

#[test]
fn everything_has_a_default() {
    let config = parse("general_settings: {enable_jwt_auth: true}\n").unwrap();
    let jwt = config.jwt.unwrap();
    assert_eq!(jwt.admin_jwt_scope, "litellm_proxy_admin");
    assert_eq!(jwt.admin_allowed_routes.len(), 4);
    assert_eq!(jwt.team_allowed_routes, None);
    assert!(jwt.tokens.key_urls.is_empty());
    assert_eq!(jwt.tokens.leeway, Duration::ZERO);
    assert_eq!(jwt.tokens.public_key_ttl, Duration::from_secs(600));
    assert_eq!(jwt.tokens.public_key_stale_ttl, Duration::from_secs(86_400));
    assert_eq!(jwt.tokens.public_key_cooldown, Duration::from_secs(30));
    assert_eq!(config.gateway.max_body_bytes, 32 * 1024 * 1024);
    assert_eq!((config.gateway.listen, config.gateway.admin), (None, None));
    assert_eq!(config.gateway.directory.to_str(), Some("/etc"));
    assert!(config.role_permissions.is_none() && config.models.is_empty() && config.teams.is_empty());
}

#[test]
fn our_block_is_read() {
    let config = parse(
        "general_settings: {enable_jwt_auth: true, litellm_jwtauth: {public_key_ttl: 60}}\nmodelgate:\n  \
         upstream: {api_base: 'http://litellm:4000/', api_key: sk-up}\n  max_body_bytes: 2048\n  leeway: 1.5\n  \
         public_key_stale_ttl: 0\n  public_key_cooldown: 5\n  listen: '[::1]:8080'\n",
    )
    .unwrap();
    let tokens = config.jwt.unwrap().tokens;
    assert_eq!(tokens.leeway, Duration::from_millis(1500));
    assert_eq!(tokens.public_key_ttl, Duration::from_secs(60));
    assert_eq!(tokens.public_key_stale_ttl, Duration::ZERO);
    assert_eq!(tokens.public_key_cooldown, Duration::from_secs(5));
    let upstream = config.gateway.upstream.unwrap();
    assert_eq!(upstream.api_base.as_str(), "http://litellm:4000/");
    assert_eq!(upstream.api_key.unwrap().expose_secret(), "sk-up");
    assert_eq!(config.gateway.max_body_bytes, 2048);
    assert_eq!(config.gateway.listen, "[::1]:8080".parse().ok());
}

#[test]
fn the_admin_listener_has_an_address_or_is_off() {
    let admin = |value: &str| parse(&format!("modelgate: {{admin: {value}}}\n")).unwrap().gateway.admin;
    for off in ["off", "'off'", "false"] {
        assert_eq!(admin(off), Some(AdminListen::Off), "{off}");
    }
    assert_eq!(admin("'[::1]:4001'"), "[::1]:4001".parse().ok().map(AdminListen::At));
    assert_eq!(admin("'unix:run/admin.sock'"), Some(AdminListen::Unix("/etc/run/admin.sock".into())));
    for bad in ["true", "4001", "localhost", "''", "'unix:'"] {
        assert!(parse(&format!("modelgate: {{admin: {bad}}}\n")).is_err(), "{bad}");
    }
}

#[test]
fn the_listeners_certificate_is_two_files_beside_the_configuration() {
    let tls = |value: &str| parse(&format!("modelgate: {{tls: {value}}}\n")).map(|config| config.gateway.tls);
    let files = tls("{certificate: tls/a.pem, key: /k.pem}").unwrap().unwrap();
    assert_eq!((files.certificate.to_str(), files.key.to_str()), (Some("/etc/tls/a.pem"), Some("/k.pem")));
    for bad in
        ["", "{certificate: a}", "{key: a}", "{certificate: a, key: ''}", "{certificate: a, key: b, cert: c}"]
    {
        assert!(tls(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_listener_for_other_proxies_has_a_certificate_of_its_own() {
    let parse = |block: &str| {
        parse(&format!("modelgate: {{{block}}}\n")).map(|config| {
            let ext_authz = config.gateway.ext_authz.and_then(|door| door.tls);
            config.gateway.forward_auth.and_then(|door| door.tls).or(ext_authz)
        })
    };
    for door in ["forward_auth", "ext_authz"] {
        let with = |tls: &str| parse(&format!("{door}: {{listen: '127.0.0.1:1', tls: {tls}}}"));
        let files = with("{certificate: a.pem, key: a.key, client_ca: /ca.pem}").unwrap().unwrap();
        assert_eq!(files.certificate.to_str(), Some("/etc/a.pem"));
        assert_eq!(files.client_ca.as_deref().and_then(std::path::Path::to_str), Some("/ca.pem"));
        for bad in [
            "",
            "{certificate: a}",
            "{certificate: a, key: k, client_ca: ''}",
            "{certificate: a, key: k, ca: c}",
        ] {
            assert!(with(bad).is_err(), "{door} {bad}");
        }
    }
    assert!(parse("ext_authz: {listen: 'unix:a.sock', tls: {certificate: a, key: k}}").is_err());
}

#[test]
fn token_rules_come_from_the_environment() {
    let variables = [
        ("JWT_PUBLIC_KEY_URL", "https://a/keys, http://b/.well-known/openid-configuration,file:///k.json"),
        ("JWT_AUDIENCE", "api"),
        ("JWT_ISSUER", "https://a/"),
    ];
    let tokens =
        parse_with("general_settings: {enable_jwt_auth: on}\n", &variables).unwrap().jwt.unwrap().tokens;
    assert_eq!(tokens.key_urls.len(), 3);
    assert_eq!(tokens.audience.as_deref(), Some("api"));
    assert_eq!(tokens.issuer.as_deref(), Some("https://a/"));
}

#[test]
fn the_process_environment_wins_over_the_block() {
    let text = "environment_variables: {JWT_ISSUER: from-block, JWT_AUDIENCE: os.environ/AUD, AUD: literal}\n\
                general_settings: {enable_jwt_auth: true, master_key: os.environ/AUD}\n";
    let config = parse(text).unwrap();
    assert_eq!(config.master_key.unwrap().expose_secret(), "literal");
    let tokens = config.jwt.unwrap().tokens;
    assert_eq!(tokens.issuer.as_deref(), Some("from-block"));
    assert_eq!(tokens.audience.as_deref(), Some("literal"));
    let variables = [("JWT_ISSUER", "from-process"), ("AUD", "aud")];
    let tokens = parse_with(text, &variables).unwrap().jwt.unwrap().tokens;
    assert_eq!(tokens.issuer.as_deref(), Some("from-process"));
    assert_eq!(tokens.audience.as_deref(), Some("aud"));
}

#[test]
fn variables_of_blocks_that_are_not_ours_need_not_be_set() {
    let text = "litellm_settings: {cache_params: {password: os.environ/REDIS}}\n\
                environment_variables: {LANGFUSE: os.environ/LANGFUSE}\n";
    assert_eq!(ignored(&parse(text).unwrap()), ["litellm_settings.cache_params"]);
}

#[test]
fn anchors_and_merge_keys_are_expanded() {
    let text = "x-defaults: &d {api_base: 'http://x/v1', api_key: k}\nmodel_list:\n  \
                - {model_name: a, litellm_params: {<<: *d, model: openai/a}}\n";
    let config = parse(text).unwrap();
    let deployment = config.models[0].deployment.as_ref().unwrap();
    assert_eq!(deployment.api_base.as_str(), "http://x/v1");
    assert_eq!(ignored(&config), ["x-defaults"]);
}

#[test]
fn a_whole_litellm_file_is_accepted_and_what_is_not_ours_is_named_once() {
    let text = "\
model_list:
  - {model_name: a, litellm_params: {model: gpt-4o, rpm: 10, temperature: 0.2}, model_info: {mode: chat}}
  - {model_name: b, litellm_params: {model: gpt-4o, rpm: 20}}
litellm_settings: {drop_params: true}
router_settings: {routing_strategy: simple-shuffle}
guardrails: []
general_settings:
  database_url: postgresql://u:p@db/x
  alerting: [slack]
  enable_jwt_auth: true
  litellm_jwtauth: {user_id_upsert: true, org_id_jwt_field: org, oidc_userinfo_enabled: false}
";
    assert_eq!(
        ignored(&parse(text).unwrap()),
        [
            "general_settings.alerting",
            "general_settings.database_url",
            "litellm_jwtauth.org_id_jwt_field",
            "litellm_jwtauth.user_id_upsert",
            "litellm_settings.drop_params",
        ]
    );
}

#[test]
fn secrets_are_not_in_debug_output() {
    let config = parse(
        "general_settings: {master_key: sk-secret}\nmodelgate: {upstream: {api_base: http://x, api_key: sk-secret}}\n\
         model_list: [{model: a, litellm_params: {model: gpt-4o, api_key: sk-secret, extra_headers: {x-a: sk-secret}}}]\n",
    )
    .unwrap();
    assert!(!format!("{config:?}").contains("sk-secret"));
}

#[test]
fn a_warning_says_that_it_is_one() {
    let config = parse("general_settings: {enable_jwt_auth: true}\n").unwrap();
    assert_eq!(config.warnings[0].severity(), Some(Severity::Warning));
}

#[test]
fn the_master_key_comes_from_the_environment_where_the_file_has_none() {
    let variables = [("LITELLM_MASTER_KEY", "sk-env"), ("OTHER", "sk-other")];
    let key = |text: &str, variables: &[(&str, &str)]| {
        let key = parse_with(text, variables).unwrap().master_key;
        key.map(|key| key.expose_secret().to_owned())
    };
    assert_eq!(key("teams: []\n", &variables).as_deref(), Some("sk-env"));
    assert_eq!(key("teams: []\n", &[]), None);
    assert_eq!(key("general_settings: {master_key: sk-file}\n", &variables).as_deref(), Some("sk-file"));
    assert_eq!(
        key("general_settings: {master_key: }\n", &variables),
        None,
        "the key is there, without a value"
    );
    let reference = [("LITELLM_MASTER_KEY", "os.environ/OTHER"), ("OTHER", "sk-other")];
    assert_eq!(key("teams: []\n", &reference).as_deref(), Some("sk-other"));
    let unset =
        "- environment variable `OTHER` is not set | set it, or give it a value in `environment_variables`";
    assert_eq!(problems_with("teams: []\n", &reference[..1]), [unset]);
    assert_eq!(
        problems_with("teams: []\n", &[("LITELLM_MASTER_KEY", " ")]),
        ["- `LITELLM_MASTER_KEY` must not be empty"]
    );
}

#[test]
fn routing_settings_may_be_in_the_environment() {
    let text = "\
model_list:
  - {model_name: a, litellm_params: {model: gpt-4o, api_key: k, weight: os.environ/WEIGHT, order: os.environ/UNSET}}
router_settings: {num_retries: os.environ/RETRIES, cooldown_time: os.environ/WORD}
";
    let config = parse_with(text, &[("WEIGHT", "0.5"), ("RETRIES", "4"), ("WORD", "long")]).unwrap();
    let routing = &config.models[0].deployment.as_ref().unwrap().routing;
    assert_eq!((routing.weight, routing.order), (Some(0.5), None));
    assert_eq!((config.router.num_retries, config.router.cooldown_time), (Some(4), None));
    let warnings: Vec<_> = config.warnings.iter().map(super::show).collect();
    for warned in ["2:99 `order` is ignored: expected a whole number from 0", "`cooldown_time` is ignored"] {
        assert!(warnings.iter().any(|warning| warning.contains(warned)), "{warned}: {warnings:?}");
    }
}

#[test]
fn authzen_needs_a_credential_of_who_asks() {
    let with = |block: &str| {
        format!(
            "general_settings: {{master_key: sk-1}}\nmodelgate:\n  authzen: {{listen: '127.0.0.1:1'{block}}}\n"
        )
    };
    let first = |block: &str| problems(&with(block)).first().cloned().unwrap_or_default();
    assert!(first("").contains("`authzen` needs `bearer`"), "{}", first(""));
    assert!(first(", bearer: ''").contains("`bearer`"));
    assert!(first(", bearer: os.environ/NONE").contains("environment variable `NONE` is not set"));
    assert!(first(", bearer: b, url: 'https://pdp.example.com/?a'").contains("`url` must be an `https://`"));
    assert!(first(", bearer: b, url: pdp.example.com").contains("`url` must be"));
    let tls = ", tls: {certificate: c, key: k, client_ca: a}";
    assert!(parse(&with(tls)).unwrap().gateway.authzen.unwrap().bearer.is_none());
    let whole =
        parse(&with(", bearer: b, url: 'https://pdp.example.com/'")).unwrap().gateway.authzen.unwrap();
    assert_eq!(whole.url.as_deref(), Some("https://pdp.example.com"));
    assert!(!format!("{whole:?}").contains("\"b\""));
}

#[test]
fn admin_auth_needs_somebody_who_may_use_the_listener() {
    let with = |general: &str, block: &str| {
        format!("general_settings: {{{general}}}\nmodelgate:\n  admin_auth: {{{block}}}\n")
    };
    let key = "master_key: sk-1";
    let first =
        |general: &str, block: &str| problems(&with(general, block)).first().cloned().unwrap_or_default();
    assert!(first(key, "").contains("`admin_auth` needs `token`"), "{}", first(key, ""));
    assert!(first(key, "roles: []").contains("`admin_auth` needs `token`"));
    assert!(first(key, "token: ''").contains("`token`"));
    assert!(first(key, "token: os.environ/NONE").contains("environment variable `NONE` is not set"));
    let unread = "`admin_auth.roles` needs `litellm_jwtauth.roles_jwt_field`";
    assert!(first(key, "roles: [ops]").contains(unread), "{}", first(key, "roles: [ops]"));
    assert!(first("enable_jwt_auth: true", "roles: [ops]").contains(unread));
    let jwt = "enable_jwt_auth: true, litellm_jwtauth: {roles_jwt_field: roles}";
    assert!(first(jwt, "roles: ['']").contains("must not be empty"));
    let auth = |block: &str| parse(&with(jwt, block)).unwrap().gateway.admin_auth.unwrap();
    assert_eq!(auth("roles: [ops]").roles, ["ops"]);
    let whole = auth("token: t0ken, roles: [ops]");
    assert_eq!(whole.token.as_ref().map(ExposeSecret::expose_secret), Some("t0ken"));
    assert!(!format!("{whole:?}").contains("t0ken"));
}
