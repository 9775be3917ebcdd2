//! What a token makes of its caller (R1, R4, R7), as conditions.

use crate::config::{ClaimFields, Config, JwtAuth};
use crate::names::Role;
use crate::prove::ProveError;
use crate::prove::formula::Formula;
use crate::rules::{MASTER_KEY_ROLE, Rule};

use super::claims::Claims;
use super::text::{and, list, negated, or, quoted, same, when};
use super::world::World;

/// Whether the side accepts the credential at all.
fn accepted(config: &Config) -> String {
    let master = if config.master_key.is_some() { "context.c.master" } else { "false" };
    let Some(jwt) = &config.jwt else { return master.to_owned() };
    let issuers = jwt.tokens.issuers.iter().map(|entry| &entry.issuer).chain(&jwt.tokens.issuer);
    let issuers: Vec<&str> = issuers.map(String::as_str).collect();
    let known = match issuers.is_empty() {
        true => "true".to_owned(),
        false => format!("(context.c has iss && {}.contains(context.c.iss))", list(issuers)),
    };
    or([master.to_owned(), and(["!context.c.master".to_owned(), known])])
}

/// The role of the token (R1), each with the condition under which the caller has it.
pub(super) fn roles(claims: &mut Claims, jwt: &JwtAuth) -> Vec<(Role, String)> {
    let admin = admin(jwt);
    let team = has_token_team(claims, jwt);
    let user = is_user(claims, jwt);
    let mut found = vec![(Role::ProxyAdmin, admin), (Role::Team, team), (Role::InternalUser, user)];
    for mapping in &jwt.role_mappings {
        let has = claims.contains(jwt.roles_jwt_field.as_ref(), &mapping.role);
        found.push((mapping.internal_role, has));
    }
    let mut before: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for (role, condition) in found {
        let first = if jwt.strict { "true".to_owned() } else { negated(&or(before.clone())) };
        all.push((role, and([condition.clone(), first])));
        before.push(condition);
    }
    let of =
        |role| or(all.iter().filter(|(known, _)| *known == role).map(|(_, condition)| condition.clone()));
    Role::ALL.into_iter().map(|role| (role, and(["!context.c.master".to_owned(), of(role)]))).collect()
}

/// The admin scope (R1.1).
pub(super) fn admin(jwt: &JwtAuth) -> String {
    format!("context.c.scopes.contains({})", quoted(&jwt.admin_jwt_scope))
}

/// The token has the id of a team (R1.2).
pub(super) fn has_token_team(claims: &mut Claims, jwt: &JwtAuth) -> String {
    claims.by_issuer(jwt, |claims, fields| {
        let has = claims.has(fields.team_id);
        or([has.clone(), default_team(jwt, fields, &has)])
    })
}

/// The default team stands for the missing claim.
pub(super) fn default_team(jwt: &JwtAuth, fields: &ClaimFields<'_>, has: &str) -> String {
    if jwt.team_id_default.is_none() {
        return "false".to_owned();
    }
    let odd = fields.team_id.map_or("true", |_| "!context.c.odd_team");
    and([negated(has), odd.to_owned()])
}

fn is_user(claims: &mut Claims, jwt: &JwtAuth) -> String {
    let by_id = match jwt.strict && !jwt.user_allowed_roles.is_empty() {
        true => "false".to_owned(),
        false => claims.by_issuer(jwt, |claims, fields| claims.has(fields.user_id)),
    };
    let names = claims.names(jwt.user_roles_jwt_field.as_ref());
    let by_role = names.filter(|_| !jwt.user_allowed_roles.is_empty());
    let allowed = || list(jwt.user_allowed_roles.iter().map(String::as_str));
    or([by_id, by_role.map_or("false".to_owned(), |names| format!("{names}.containsAny({})", allowed()))])
}

impl World<'_> {
    /// Whether the side accepts the credential.
    pub(in crate::prove) fn accepts(&self) -> Result<Formula, ProveError> {
        Ok(Formula::text(accepted(self.side.snapshot.config())))
    }

    /// The attributes of the caller.
    pub(super) fn add_caller(&mut self) {
        let caller = self.side.caller();
        let config = self.side.snapshot.config();
        self.require(same(&format!("{caller} has issuer"), "(!context.c.master && context.c has iss)"));
        self.require(when(
            &format!("{caller} has issuer && context.c has iss"),
            &format!("{caller}.issuer == context.c.iss"),
        ));
        self.require(same(&format!("{caller} has subject"), "(!context.c.master && context.c has sub)"));
        self.require(when(
            &format!("{caller} has subject && context.c has sub"),
            &format!("{caller}.subject == context.c.sub"),
        ));
        let Some(jwt) = &config.jwt else {
            return self.require(format!("{caller}.admin == context.c.master"));
        };
        let admin = or(["context.c.master".to_owned(), admin(jwt)]);
        self.require(same(&format!("{caller}.admin"), &admin));
        self.add_user(&caller, jwt);
        self.add_email(&caller, jwt);
        self.add_names(&caller, jwt);
        self.add_routes(&caller);
        let reads = claims_of(jwt);
        let overage = if reads { "!context.c.overage || !context.c.master" } else { "!context.c.overage" };
        self.require(overage.to_owned());
    }

    fn add_user(&mut self, caller: &str, jwt: &JwtAuth) {
        let roles = roles(&mut self.claims, jwt);
        let is_user = roles.iter().find(|(role, _)| *role == Role::InternalUser);
        // The object replaces the user if `internal_user` is the first role.
        let earlier = [admin(jwt), has_token_team(&mut self.claims, jwt)];
        let is_user = is_user.map_or("false".to_owned(), |(_, condition)| condition.clone());
        let is_first = if jwt.strict { and([is_user, negated(&or(earlier))]) } else { is_user };
        let object = and([is_first, self.claims.has(jwt.object_id_jwt_field.as_ref())]);
        let user = self.claims.by_issuer(jwt, |claims, fields| claims.has(fields.user_id));
        let email = self.claims.by_issuer(jwt, |claims, fields| claims.has(fields.user_email));
        let has = and(["!context.c.master".to_owned(), or([object.clone(), user.clone(), email.clone()])]);
        self.require(same(&format!("{caller} has user_id"), &has));
        if !self.vocabulary.reads("user_id") {
            return;
        }
        let equals = |value: &str| format!("{caller}.user_id == {value}");
        let by_object = self.claims.has_and(jwt.object_id_jwt_field.as_ref(), equals);
        let by_user = self.claims.by_issuer(jwt, |claims, fields| claims.has_and(fields.user_id, equals));
        let by_email = self.claims.by_issuer(jwt, |claims, fields| claims.has_and(fields.user_email, equals));
        let value = format!("(if {object} then {by_object} else (if {user} then {by_user} else {by_email}))");
        self.require(when(&format!("{caller} has user_id"), &value));
    }

    fn add_email(&mut self, caller: &str, jwt: &JwtAuth) {
        let not_master = "!context.c.master".to_owned();
        let has = self.claims.by_issuer(jwt, |claims, fields| claims.has(fields.user_email));
        self.require(same(&format!("{caller} has email"), &and([not_master.clone(), has])));
        let value = self.claims.by_issuer(jwt, |claims, fields| {
            claims.has_and(fields.user_email, |value| format!("{caller}.email == {value}"))
        });
        self.require(when(&format!("{caller} has email"), &value));
        // A domain follows the last `@`, and something comes before that.
        let domain = self.claims.by_issuer(jwt, |claims, fields| {
            claims.has_and(fields.user_email, |value| {
                format!("{value} like \"*@*\" && (!({value} like \"@*\") || {value} like \"@*@*\")")
            })
        });
        self.require(same(&format!("{caller} has email_domain"), &and([not_master, domain])));
        for text in self.vocabulary.texts.clone() {
            if !self.vocabulary.reads("email_domain") || text.contains('@') {
                continue;
            }
            let pattern = format!("*@{}", text.escape_debug().to_string().replace('*', "\\*"));
            let is = self.claims.by_issuer(jwt, |claims, fields| {
                claims.has_and(fields.user_email, |value| {
                    format!("{value} like \"{pattern}\" && {value} != {}", quoted(&format!("@{text}")))
                })
            });
            let own = format!("{caller}.email_domain == {}", quoted(&text));
            self.require(when(&format!("{caller} has email_domain"), &same(&own, &is)));
        }
    }

    fn add_names(&mut self, caller: &str, jwt: &JwtAuth) {
        let claims = &mut self.claims;
        let texts: Vec<String> = self.vocabulary.texts.iter().cloned().collect();
        if self.vocabulary.reads("roles") {
            for text in texts {
                let fields = [jwt.user_roles_jwt_field.as_ref(), jwt.roles_jwt_field.as_ref()];
                let has = or(fields.map(|field| claims.contains(field, &text)));
                let has = and(["!context.c.master".to_owned(), has]);
                let own = format!("{caller}.roles.contains({})", quoted(&text));
                self.required.push(same(&own, &has));
            }
        }
        let facts = self.side.facts();
        let scopes = facts.scopes().chain(self.vocabulary.of_type("Scope"));
        let scopes: std::collections::BTreeSet<String> = scopes.map(str::to_owned).collect();
        for scope in scopes {
            let has = format!("(!context.c.master && context.c.scopes.contains({}))", quoted(&scope));
            let own = format!("{caller}.scopes.contains({})", self.side.entity("Scope", &scope));
            self.require(same(&own, &has));
        }
    }

    /// The lists of routes that come with the caller's roles.
    fn add_routes(&mut self, caller: &str) {
        let side = self.side;
        let of_roles = side.facts().routes_of_roles().map(|(id, role)| (id, ("Role", role.as_str())));
        let of_token_roles = side.facts().routes_of_token_roles().map(|(id, role)| (id, ("TokenRole", role)));
        for (id, (ty, role)) in of_roles.chain(of_token_roles) {
            let has = self.caller_in(ty, role);
            let own = format!("{caller}.routes.contains({})", side.entity("RouteGroup", id));
            self.require(same(&own, &has));
        }
    }

    /// The condition under which the token itself places the caller in an entity, without the hierarchy.
    pub(super) fn own_parent(&mut self, ty: &str, id: &str) -> String {
        let config = self.side.snapshot.config();
        let Some(jwt) = &config.jwt else {
            let is_master = ty == "Role" && [MASTER_KEY_ROLE, Role::ProxyAdmin.as_str()].contains(&id);
            return if is_master { "context.c.master".to_owned() } else { "false".to_owned() };
        };
        match ty {
            "Role" if id == MASTER_KEY_ROLE => "context.c.master".to_owned(),
            "Role" => {
                let roles = roles(&mut self.claims, jwt);
                let own = roles.into_iter().find(|(role, _)| role.as_str() == id);
                let own = own.map_or("false".to_owned(), |(_, condition)| condition);
                let is_admin = id == Role::ProxyAdmin.as_str();
                or([own, if is_admin { "context.c.master".to_owned() } else { "false".to_owned() }])
            }
            "TokenRole" => {
                let fields = [jwt.user_roles_jwt_field.as_ref(), jwt.roles_jwt_field.as_ref()];
                let has = or(fields.map(|field| self.claims.contains(field, id)));
                and(["!context.c.master".to_owned(), has])
            }
            "Team" => or([self.claimed(jwt, id), self.selects(id)]),
            "Refusal" if id == Rule::Overage.as_str() => "context.c.overage".to_owned(),
            "Refusal" => self.refuses(id),
            "Caller" => match id.split_once('#') {
                Some((issuer, subject)) => {
                    let issuer = issuer.replace("%23", "#").replace("%25", "%");
                    let is = |name: &str, value: &str| match value {
                        "" => format!("!(context.c has {name})"),
                        _ => format!("(context.c has {name} && context.c.{name} == {})", quoted(value)),
                    };
                    and(["!context.c.master".to_owned(), is("iss", &issuer), is("sub", subject)])
                }
                None if id == MASTER_KEY_ROLE => "context.c.master".to_owned(),
                None => "false".to_owned(),
            },
            _ => "false".to_owned(),
        }
    }
}

/// Whether the configuration reads a claim that a provider may leave out.
fn claims_of(jwt: &JwtAuth) -> bool {
    jwt.identifying_claims(None).next().is_some() || !jwt.tokens.issuers.is_empty()
}
