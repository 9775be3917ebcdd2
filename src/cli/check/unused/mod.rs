//! Rules that have no effect, as far as this is known without a solver.
//!
//! Input: a snapshot. Output: warnings. `names` finds entities that nothing else mentions, `claims` does the same for the tags of
//! callers, and `contradictions` finds permissions that a denial takes away as a whole. `modelgate prove` finds all rules without
//! an effect; a warning here is always right about the rule that it names, or a question.

mod claims;
mod contradictions;
mod names;
mod warning;

use crate::engine::Snapshot;
use warning::place;

pub(super) use warning::Warning;

/// Every warning.
pub(super) fn warnings(snapshot: &Snapshot) -> Vec<Warning> {
    let mut all = Vec::new();
    let impossible = snapshot.impossible_policies();
    for view in snapshot.policies().filter(|view| impossible.contains(view.id())) {
        all.push(Warning {
            message: format!("{}the policy `{}` matches no request", place(view.source()), view.id()),
            help: "its scope and conditions exclude each other, by the types of the schema alone".to_owned(),
        });
    }
    all.extend(names::unknown(snapshot));
    all.extend(claims::unknown(snapshot));
    all.extend(contradictions::find(snapshot, &impossible));
    all
}

#[cfg(test)]
mod tests {
    use super::warning::meant;
    use super::*;
    use crate::config::Config;
    use crate::dropins::DropIns;

    const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth:
    user_roles_jwt_field: roles
    user_allowed_roles: [basic_user]
    team_ids_jwt_field: groups
    enforce_rbac: true
  role_permissions:
    - {role: internal_user, models: [small], routes: [openai_routes]}
modelgate:
  role_permissions:
    - {role: contractor, models: [small]}
    - {role: intern, models: [small, large], deny_models: [large, \"other/*\"]}
    - {role: lead, inherits: [intern], models: [other/one]}
teams:
  - {team_id: research, models: [small], organization_id: labs}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
  - {model_name: large, litellm_params: {model: openai/large, api_key: k}, model_info: {access_groups: [gold]}}
  - {model_name: other/*, litellm_params: {model: openai/*, api_key: k}}
";

    /// The warnings of these policies beside the configuration, without those of the configuration alone.
    fn warned(policies: &str) -> Vec<String> {
        let found = |policies: &str| {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("a.cedar"), policies).unwrap();
            let config = Config::parse("config.yaml", CONFIG, ".".as_ref(), &|_| None).unwrap();
            let dropins = DropIns::load(directory.path()).unwrap();
            let snapshot = Snapshot::with_policies(config, &dropins).unwrap();
            let prefix = format!("{}/", directory.path().display());
            let text =
                |warning: Warning| format!("{} ({})", warning.message, warning.help).replace(&prefix, "");
            warnings(&snapshot).into_iter().map(text).collect::<Vec<_>>()
        };
        let own = found("");
        found(policies).into_iter().filter(|warning| !own.contains(warning)).collect()
    }

    #[test]
    fn a_policy_that_no_type_fits_is_named() {
        let warned = warned(
            r#"permit (principal, action == Action::"use_model", resource) when { principal is Role };"#,
        );
        assert_eq!(
            warned,
            [
                "a.cedar:1: the policy `a.cedar#1` matches no request (its scope and conditions exclude each other, by the types \
              of the schema alone)"
            ]
        );
    }

    #[test]
    fn a_misspelled_name_is_named_with_the_one_that_was_meant() {
        for (scope, expected) in [
            (r#"principal in TokenRole::"contracter", action, resource"#, "did you mean `contractor`?"),
            (r#"principal in Team::"reserach", action, resource"#, "did you mean `research`?"),
            (r#"principal in Role::"internal_users", action, resource"#, "did you mean `internal_user`?"),
            (
                r#"principal, action == Action::"use_model", resource == Model::"smal""#,
                "did you mean `small`?",
            ),
            (
                r#"principal, action == Action::"use_model", resource in AccessGroup::"glod""#,
                "did you mean `gold`?",
            ),
            (
                r#"principal, action == Action::"call_route", resource in RouteGroup::"openai_route""#,
                "did you mean `openai_routes`?",
            ),
        ] {
            let warned = warned(&format!("forbid ({scope}) when {{ context.body_bytes > 1 }};"));
            let [one] = &*warned else { panic!("{scope}: {warned:?}") };
            assert!(one.starts_with("a.cedar:1: ") && one.contains(expected), "{one}");
        }
    }

    #[test]
    fn names_that_tokens_alone_know_are_not_questioned() {
        for scope in [
            r#"principal in TokenRole::"on-call", action, resource"#,
            r#"principal in Team::"another-team", action, resource"#,
            r#"principal in TokenRole::"contractor", action, resource"#,
            r#"principal, action == Action::"use_model", resource == Model::"other/two""#,
            r#"principal, action == Action::"use_model", resource in AccessGroup::"gold""#,
            r#"principal, action == Action::"call_route", resource in RouteGroup::"llm_api_routes""#,
            r#"principal in Role::"master_key", action, resource"#,
        ] {
            let warned = warned(&format!("forbid ({scope}) when {{ context.body_bytes > 1 }};"));
            assert!(warned.is_empty(), "{scope}: {warned:?}");
        }
        assert_eq!(meant("team-b", ["team-a"]), None);
        assert_eq!(meant("eu-1", ["eu-2"]), None);
        assert_eq!(meant("dev", ["den"]), None);
        assert_eq!(meant("contractors", ["contractor"]), Some("contractor"));
    }

    #[test]
    fn a_claim_that_one_policy_spells_otherwise_is_questioned() {
        let by = |claim: &str| {
            format!(
                "forbid (principal, action == Action::\"use_model\", resource) \
                 when {{ principal.hasTag(\"{claim}\") && principal.getTag(\"{claim}\").contains(\"x\") }};\n"
            )
        };
        let found =
            warned(&[by("department"), by("department"), by("departement"), by("cost_center")].concat());
        let [one] = &*found else { panic!("{found:?}") };
        assert!(one.starts_with("a.cedar:3: ") && one.contains("did you mean `department`?"), "{one}");
        assert!(warned(&[by("department"), by("location")].concat()).is_empty());
    }

    #[test]
    fn a_permission_that_a_denial_takes_away_as_a_whole_is_named_with_it() {
        let permit = r#"permit (principal in TokenRole::"contractor", action == Action::"use_model", resource == Model::"large")"#;
        for forbid in [
            r#"forbid (principal, action == Action::"use_model", resource);"#,
            r#"forbid (principal in TokenRole::"contractor", action, resource);"#,
            r#"forbid (principal, action == Action::"use_model", resource in AccessGroup::"gold");"#,
            r#"forbid (principal is Caller, action in [Action::"use_model", Action::"call_route"], resource is Model);"#,
        ] {
            let found = warned(&format!("{permit};\n{forbid}"));
            let of_permit = found.iter().find(|warning| warning.starts_with("a.cedar:1: "));
            assert!(
                of_permit.is_some_and(|warning| warning.contains("`a.cedar#2` [a.cedar:2]")),
                "{forbid}: {found:?}"
            );
        }
        for forbid in [
            r#"forbid (principal, action == Action::"use_model", resource) when { context.stream };"#,
            r#"forbid (principal in TokenRole::"lead", action, resource);"#,
            r#"forbid (principal, action == Action::"call_route", resource);"#,
            r#"@shadow("") forbid (principal, action == Action::"use_model", resource in AccessGroup::"gold");"#,
        ] {
            let found = warned(&format!("{permit};\n{forbid}"));
            assert!(!found.iter().any(|warning| warning.starts_with("a.cedar:1: ")), "{forbid}: {found:?}");
        }
        // The same conditions forbid what they permit.
        let found = warned(&format!(
            "{permit} when {{ context.stream }} when {{ context.images }};\n\
             forbid (principal, action == Action::\"use_model\", resource) when {{ context.stream }};"
        ));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn an_entry_that_denies_what_it_grants_is_named() {
        let config = Config::parse("config.yaml", CONFIG, ".".as_ref(), &|_| None).unwrap();
        let snapshot = Snapshot::build(config).unwrap();
        let found: Vec<String> = warnings(&snapshot).into_iter().map(|warning| warning.message).collect();
        assert_eq!(
            found,
            [
                "config.yaml:14: `large` in `modelgate.role_permissions[1].models` is never allowed: `deny_models` of role `intern` has `large`",
                "config.yaml:15: `other/one` in `modelgate.role_permissions[2].models` is never allowed: `deny_models` of role `intern` has `other/*`",
            ]
        );
    }
}
