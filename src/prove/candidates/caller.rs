//! Changes the token of a request.

use serde_json::{Map, Value, json};

use super::claims::{SOMEBODY, add, names, remove, set};
use super::guide::Guide;
use crate::names::Role;
use crate::prove::scenario::Scenario;
use crate::rules::{MASTER_KEY_ROLE, Rule};

/// The number of entities below a group that are tried.
const MOST: usize = 8;

impl Guide<'_> {
    /// The caller is in an entity, or is not.
    pub(super) fn caller_in(&self, from: &Scenario, ty: &str, id: &str, wanted: bool) -> Vec<Scenario> {
        let below = self.below(ty, id);
        if wanted {
            if below.iter().any(|(ty, id)| self.has_parent(from, ty, id)) {
                return vec![from.clone()];
            }
            return below.iter().flat_map(|(ty, id)| self.with_parent(from, ty, id)).take(MOST).collect();
        }
        below.iter().fold(vec![from.clone()], |known, (ty, id)| {
            let next = known.into_iter().flat_map(|known| match self.has_parent(&known, ty, id) {
                true => self.without_parent(&known, ty, id),
                false => vec![known],
            });
            next.take(MOST).collect()
        })
    }

    /// The entities in which a token places its caller, at or below an entity.
    fn below(&self, ty: &str, id: &str) -> Vec<(String, String)> {
        let own = (ty.to_owned(), id.to_owned());
        let below = self.below.get(&own).into_iter().flatten().filter(|entity| **entity != own).cloned();
        std::iter::once(own.clone()).chain(below).collect()
    }

    fn has_parent(&self, from: &Scenario, ty: &str, id: &str) -> bool {
        let caller = || from.caller(self.snapshot);
        match ty {
            "TokenRole" => {
                self.role_fields().iter().any(|field| names(from, field).iter().any(|own| own == id))
            }
            "Role" if id == MASTER_KEY_ROLE => from.claims.is_none(),
            "Role" => caller().is_some_and(|caller| {
                let is_admin = id == Role::ProxyAdmin.as_str() && caller.is_admin();
                is_admin || caller.roles().any(|(role, _)| role.as_str() == id)
            }),
            "Team" => self.claimed_teams(from).iter().any(|team| team == id),
            "Caller" => caller().is_some_and(|caller| caller.entity_id() == id),
            // Which rule of R6 refuses a caller is known to the engine alone.
            "Refusal" => true,
            _ => false,
        }
    }

    fn with_parent(&self, from: &Scenario, ty: &str, id: &str) -> Vec<Scenario> {
        match ty {
            "TokenRole" => self.with_role(from, id, true),
            "Role" if id == MASTER_KEY_ROLE => vec![Scenario { claims: None, ..from.clone() }],
            "Role" => self.with_litellm_role(from, id),
            "Team" => self.with_team(from, Some(id), true),
            "Caller" => {
                let Some((issuer, subject)) = id.split_once('#') else {
                    return vec![Scenario { claims: None, ..from.clone() }];
                };
                let issuer = issuer.replace("%23", "#").replace("%25", "%");
                let with = |claims: &mut Map<String, Value>| {
                    for (claim, value) in [("iss", issuer.as_str()), ("sub", subject)] {
                        match value {
                            "" => _ = claims.remove(claim),
                            value => _ = claims.insert(claim.to_owned(), value.into()),
                        }
                    }
                };
                vec![self.with_claims(from, with)]
            }
            "Refusal" if id == Rule::Overage.as_str() => {
                let jwt = self.snapshot.config().jwt.as_ref();
                let read = jwt.and_then(|jwt| jwt.identifying_claims(None).next());
                let names = |claim: &str| json!({ claim: "src1" });
                let with = |claims: &mut Map<String, Value>| {
                    claims.extend(read.map(|path| ("_claim_names".to_owned(), names(path.claim()))));
                };
                vec![self.with_claims(from, with)]
            }
            "Refusal" if id == Rule::TeamHeader.as_str() => {
                vec![Scenario { team_header: Some(SOMEBODY.to_owned()), ..from.clone() }]
            }
            "Refusal" if id == Rule::UnknownTeam.as_str() => self.with_team(from, Some(SOMEBODY), true),
            _ => vec![from.clone()],
        }
    }

    fn without_parent(&self, from: &Scenario, ty: &str, id: &str) -> Vec<Scenario> {
        match ty {
            "TokenRole" => self.with_role(from, id, false),
            "Role" if id == MASTER_KEY_ROLE => vec![self.with_claims(from, |_| ())],
            "Role" if id == Role::ProxyAdmin.as_str() => {
                let scope = self.snapshot.config().jwt.as_ref().map(|jwt| jwt.admin_jwt_scope.clone());
                self.with_scope(from, &scope.unwrap_or_default(), false)
            }
            "Role" if id == Role::Team.as_str() => self.with_team(from, None, false),
            "Role" => self.without_user(from),
            "Team" => self.with_team(from, Some(id), false),
            "Caller" => vec![self.with_claims(from, |claims| {
                claims.insert("sub".to_owned(), SOMEBODY.into());
            })],
            "Refusal" if id == Rule::Overage.as_str() => vec![self.with_claims(from, |claims| {
                claims.retain(|name, _| !["_claim_names", "hasgroups"].contains(&name.as_str()));
            })],
            "Refusal" => {
                let mut all = self.with_team(from, None, false);
                all.extend(self.with_team(&Scenario { team_header: None, ..from.clone() }, None, true));
                all
            }
            _ => vec![from.clone()],
        }
    }

    /// A role of LiteLLM (R1).
    fn with_litellm_role(&self, from: &Scenario, role: &str) -> Vec<Scenario> {
        let Some(jwt) = &self.snapshot.config().jwt else {
            return vec![Scenario { claims: None, ..from.clone() }];
        };
        let mut all = Vec::new();
        if role == Role::InternalUser.as_str() {
            for allowed in jwt.user_allowed_roles.iter().take(1) {
                let field = jwt.user_roles_jwt_field.as_ref();
                all.extend(field.map(|field| self.with_claims(from, |claims| add(claims, field, allowed))));
            }
            let user = self.fields(from).user_id;
            all.extend(user.map(|path| self.with_claims(from, |claims| set(claims, path, SOMEBODY))));
        }
        if role == Role::ProxyAdmin.as_str() {
            all.extend(self.with_scope(from, &jwt.admin_jwt_scope, true));
        }
        if role == Role::Team.as_str() {
            all.extend(self.with_team(from, None, true));
        }
        let mapped = jwt.role_mappings.iter().filter(|mapping| mapping.internal_role.as_str() == role);
        if let Some(field) = &jwt.roles_jwt_field {
            all.extend(
                mapped.map(|mapping| self.with_claims(from, |claims| add(claims, field, &mapping.role))),
            );
        }
        if role == Role::ProxyAdmin.as_str() && self.snapshot.config().master_key.is_some() {
            all.push(Scenario { claims: None, ..from.clone() });
        }
        all
    }

    fn without_user(&self, from: &Scenario) -> Vec<Scenario> {
        let Some(jwt) = &self.snapshot.config().jwt else { return vec![from.clone()] };
        let fields = self.fields(from);
        vec![self.with_claims(from, |claims| {
            if let Some(path) = &jwt.user_roles_jwt_field {
                jwt.user_allowed_roles.iter().for_each(|role| remove(claims, path, role));
            }
            if let Some(path) = &jwt.roles_jwt_field {
                jwt.role_mappings.iter().for_each(|mapping| remove(claims, path, &mapping.role));
            }
            fields.user_id.into_iter().for_each(|path| _ = claims.remove(path.claim()));
        })]
    }
}
