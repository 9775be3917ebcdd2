//! Writes the mandatory checks, which apply in addition to any grant. R3 and R5 to R9 each become a `forbid`.

use super::lists::{ADMIN_ROUTES, LLM_ROUTES, TEAM_ROUTES};
use super::pst::{
    Ex, action, and, attr, entity, eq, has, is_in, not, or, principal, principal_in, resource, string,
    unless, when,
};
use super::writer::{Draft, JWTAUTH, TranslateError, Writer};
use crate::config::JwtAuth;
use crate::rules::{MASTER_KEY_ROLE, Rule};

pub(super) fn write(writer: &mut Writer<'_>) -> Result<(), TranslateError> {
    let Some(jwt) = &writer.config.jwt else { return Ok(()) };
    write_overage(writer)?;
    write_scopes(writer, jwt)?;
    write_admin_routes(writer)?;
    write_email_domain(writer, jwt)?;
    write_teams(writer, jwt)?;
    write_identity(writer)?;
    write_floor(writer, jwt)
}

fn admin() -> Ex {
    attr(principal(), "admin")
}

/// The claim that the identity provider left out might have named a role, a team or a denial.
fn write_overage(writer: &mut Writer<'_>) -> Result<(), TranslateError> {
    write_refusal(writer, JWTAUTH, Rule::Overage)
}

/// The scope is the only condition, so Cedar rarely evaluates the policy.
fn write_refusal(writer: &mut Writer<'_>, key: &str, rule: Rule) -> Result<(), TranslateError> {
    writer.add(Draft {
        principal: principal_in("Refusal", rule.as_str())?,
        action: action("call_route")?,
        ..Draft::forbid(key, rule).with_rule_in_id()
    })
}

/// R3. The master key is exempt, because it has no scopes.
fn write_scopes(writer: &mut Writer<'_>, jwt: &JwtAuth) -> Result<(), TranslateError> {
    if !jwt.enforce_scope_based_access || jwt.scope_mappings.is_empty() {
        return Ok(());
    }
    let allowed = or(is_in(resource(), attr(principal(), "scopes")), master_key()?);
    writer.add(
        Draft {
            action: action("use_model")?,
            ..Draft::forbid(&format!("{JWTAUTH}.scope_mappings"), Rule::Scope)
        }
        .clause(unless(allowed)),
    )
}

/// R5.
fn write_admin_routes(writer: &mut Writer<'_>) -> Result<(), TranslateError> {
    let allowed = or(is_in(resource(), entity("RouteGroup", ADMIN_ROUTES)?), master_key()?);
    writer.add(
        Draft { action: action("call_route")?, ..Draft::forbid(ADMIN_ROUTES, Rule::AdminRoute) }
            .clause(when(admin()))
            .clause(unless(allowed)),
    )
}

/// R7.
fn write_email_domain(writer: &mut Writer<'_>, jwt: &JwtAuth) -> Result<(), TranslateError> {
    let Some(domain) = &jwt.user_allowed_email_domain else { return Ok(()) };
    let has_domain = has(principal(), "email_domain");
    let allowed = or(admin(), and(has_domain, eq(attr(principal(), "email_domain"), string(domain))));
    let key = format!("{JWTAUTH}.user_allowed_email_domain");
    writer.add(
        Draft { action: action("call_route")?, ..Draft::forbid(&key, Rule::EmailDomain) }
            .clause(unless(allowed)),
    )
}

/// R6.
fn write_teams(writer: &mut Writer<'_>, jwt: &JwtAuth) -> Result<(), TranslateError> {
    let refused = [Rule::TeamHeader, Rule::UnknownTeam, Rule::NoTeam, Rule::NoTeamWithModel];
    for rule in refused {
        write_refusal(writer, "teams", rule)?;
    }

    let team = || attr(principal(), "team");
    let selected = || has(principal(), "team");
    writer.add(
        Draft { action: action("call_route")?, ..Draft::forbid("teams", Rule::Blocked).with_rule_in_id() }
            .clause(when(and(selected(), attr(team(), "blocked")))),
    )?;
    let may_use = or(attr(team(), "all_models"), is_in(resource(), team()));
    writer.add(
        Draft { action: action("use_model")?, ..Draft::forbid("teams", Rule::TeamModel).with_rule_in_id() }
            .clause(when(and(selected(), not(may_use)))),
    )?;

    if jwt.team_allowed_routes.is_some() {
        let outside = not(is_in(resource(), entity("RouteGroup", TEAM_ROUTES)?));
        writer.add(
            Draft { action: action("call_route")?, ..Draft::forbid(TEAM_ROUTES, Rule::TeamRoute) }
                .clause(when(and(selected(), outside))),
        )?;
    }
    Ok(())
}

/// R8.
fn write_identity(writer: &mut Writer<'_>) -> Result<(), TranslateError> {
    if !writer.config.require_identity {
        return Ok(());
    }
    let known = or(admin(), or(has(principal(), "user_id"), has(principal(), "team")));
    writer.add(
        Draft {
            action: action("call_route")?,
            ..Draft::forbid("general_settings.enforce_rbac", Rule::Identity)
        }
        .clause(unless(known)),
    )
}

/// R9: a route must belong to an LLM API or to a configured list.
fn write_floor(writer: &mut Writer<'_>, jwt: &JwtAuth) -> Result<(), TranslateError> {
    let mut allowed = or(admin(), is_in(resource(), entity("RouteGroup", LLM_ROUTES)?));
    allowed = or(allowed, is_in(resource(), attr(principal(), "routes")));
    if jwt.team_allowed_routes.is_some() {
        let listed = is_in(resource(), entity("RouteGroup", TEAM_ROUTES)?);
        allowed = or(allowed, and(has(principal(), "team"), listed));
    }
    writer.add(
        Draft {
            action: action("call_route")?,
            ..Draft::forbid("general_settings", Rule::Floor).with_rule_in_id()
        }
        .clause(unless(allowed)),
    )
}

fn master_key() -> Result<Ex, TranslateError> {
    Ok(is_in(principal(), entity("Role", MASTER_KEY_ROLE)?))
}
