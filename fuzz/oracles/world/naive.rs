//! The whole world: every entity with every attribute, given to Cedar with all policies at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Authorizer, Decision, Effect, Entities, Entity, EntityUid, Policy, PolicySet, Request,
    RestrictedExpression as Expression,
};
use modelgate::engine::Snapshot;
use modelgate::routes::{group_names, is_in_group};
use serde_json::Value;

use super::entities::{Additions, IDS};
use super::plain::{List, context, model_lists, route_lists, tags_of};
use super::{Asked, BY_TOKEN, MODELS, Outcome, PERMISSIONS, ROLES, Settings, TEAMS, TOKEN_ROLES};

pub(super) const ADMIN_ROUTES: &str = "general_settings.litellm_jwtauth.admin_allowed_routes";
pub(super) const TEAM_ROUTES: &str = "general_settings.litellm_jwtauth.team_allowed_routes";

pub(crate) struct Naive<'w> {
    settings: &'w Settings,
    described: Vec<Described>,
    model_lists: Vec<List>,
    route_lists: Vec<List>,
    all: PolicySet,
    live_permits: PolicySet,
    shadowed: [PolicySet; 2],
}

/// The facts about an entity in files.
struct Described {
    uid: EntityUid,
    attributes: HashMap<String, Expression>,
    parents: HashSet<EntityUid>,
    tags: Vec<(String, Expression)>,
}

type Parents = BTreeMap<EntityUid, BTreeSet<EntityUid>>;

pub(super) fn uid(ty: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(ty.parse().expect("a type"), cedar_policy::EntityId::new(id))
}

pub(super) fn text(text: &str) -> Expression {
    Expression::new_string(text.to_owned())
}

pub(super) fn texts<'t>(all: impl IntoIterator<Item = &'t str>) -> Expression {
    Expression::new_set(all.into_iter().map(text))
}

fn names(claims: &serde_json::Map<String, Value>, claim: &str) -> Vec<String> {
    match claims.get(claim) {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(words)) => words.split_whitespace().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

impl<'w> Naive<'w> {
    pub(crate) fn new(settings: &'w Settings, additions: &Additions, snapshot: &Snapshot) -> Self {
        let policies = |shadow: bool| {
            snapshot
                .policies()
                .filter(move |view| view.is_shadow() == shadow)
                .map(|view| view.policy().clone())
        };
        let set = |policies: &mut dyn Iterator<Item = Policy>| {
            PolicySet::from_policies(policies).expect("each id once")
        };
        let of = |shadow, effect| set(&mut policies(shadow).filter(|policy| policy.effect() == effect));
        Self {
            settings,
            described: described(&additions.json),
            model_lists: model_lists(settings),
            route_lists: route_lists(settings),
            all: set(&mut policies(false)),
            live_permits: of(false, Effect::Permit),
            shadowed: [of(true, Effect::Permit), of(true, Effect::Forbid)],
        }
    }

    pub(crate) fn decide(&self, asked: &Asked) -> Outcome {
        let principal = uid("Caller", &caller_id(asked));
        let entities = self.entities(asked, &principal);
        let questions = std::iter::once((false, uid("Route", asked.path)))
            .chain(asked.models.iter().map(|model| (true, uid("Model", model))));
        let (mut allow, mut matched, mut closing, mut shadow) =
            (true, BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut failed = false;
        for (of_model, resource) in questions {
            let action = uid("Action", if of_model { "use_model" } else { "call_route" });
            let request = Request::new(principal.clone(), action, resource, context(asked, of_model), None)
                .expect("a request");
            let ask = |set: &PolicySet| Authorizer::new().is_authorized(&request, set, &entities);
            let ids = |response: &cedar_policy::Response| -> BTreeSet<String> {
                response.diagnostics().reason().map(ToString::to_string).collect()
            };
            let response = ask(&self.all);
            failed |= response.diagnostics().errors().next().is_some();
            let allowed = response.decision() == Decision::Allow;
            let granted = !ids(&ask(&self.live_permits)).is_empty();
            let forbids = if allowed { BTreeSet::new() } else { ids(&response) };
            let trial = [ids(&ask(&self.shadowed[0])), ids(&ask(&self.shadowed[1]))];
            let would = (granted || !trial[0].is_empty()) && forbids.is_empty() && trial[1].is_empty();
            match (allowed, would) {
                (true, false) => shadow.extend(trial[1].clone()),
                (false, true) => shadow.extend(trial[0].clone()),
                _ => {}
            }
            allow &= allowed;
            matched.extend(if allowed { ids(&response) } else { ids(&ask(&self.live_permits)) });
            closing.extend(forbids);
        }
        if failed {
            return (None, BTreeSet::new(), BTreeSet::new());
        }
        (Some(allow), if allow { matched } else { closing }, shadow)
    }

    /// Every entity, with its ancestors.
    fn entities(&self, asked: &Asked, principal: &EntityUid) -> Entities {
        let claimed = self.claimed_teams(asked);
        let mut uids: BTreeSet<EntityUid> = IDS
            .iter()
            .flat_map(|(ty, ids)| ids.iter().map(|id| uid(ty, id)))
            .chain(TEAMS.iter().map(|(id, ..)| uid("Team", id)))
            .chain(claimed.iter().map(|id| uid("Team", id)))
            .chain(MODELS.iter().map(|(name, _)| uid("Model", name)))
            .chain(asked.models.iter().map(|name| uid("Model", name)))
            .chain(BY_TOKEN.iter().map(|(role, ..)| uid("TokenRole", role)))
            .chain([uid("Route", asked.path)])
            .collect();
        uids.extend(self.described.iter().map(|described| described.uid.clone()));
        let mut parents: Parents =
            uids.iter().map(|uid| (uid.clone(), self.configured_parents(uid))).collect();
        for described in &self.described {
            parents.entry(described.uid.clone()).or_default().extend(described.parents.iter().cloned());
        }
        self.add_to_lists(&mut parents, "Model", "AccessGroup", &self.model_lists);
        self.add_to_lists(&mut parents, "Route", "RouteGroup", &self.route_lists);

        let team = self.selected_team(asked, &claimed, &parents);
        let own = parents.entry(principal.clone()).or_default();
        own.extend(claimed.iter().map(|id| uid("Team", id)));
        own.extend(names(&asked.claims, "roles").iter().map(|role| uid("TokenRole", role)));
        own.extend(self.role(asked).map(|role| uid("Role", role)));
        match &team {
            Ok(team) => own.extend(team.iter().map(|id| uid("Team", id))),
            Err(rule) => own.extend([uid("Refusal", rule)]),
        }
        uids.insert(principal.clone());
        let above_principal = above(&parents, principal);
        let entities = uids.iter().map(|uid| {
            let mut attributes = self.attributes(uid, asked);
            let mut tags: Vec<(String, Expression)> = Vec::new();
            if uid == principal {
                attributes.extend(self.of_principal(
                    asked,
                    &claimed,
                    team.as_ref().ok().and_then(Option::as_deref),
                    &above_principal,
                ));
                tags.extend(tags_of(asked));
            }
            if let Some(described) = self.described.iter().find(|described| described.uid == *uid) {
                attributes.extend(described.attributes.clone());
                tags.extend(described.tags.clone());
            }
            let parents: HashSet<EntityUid> = parents.get(uid).into_iter().flatten().cloned().collect();
            Entity::new_with_tags(uid.clone(), attributes, parents, tags).expect("plain attributes")
        });
        Entities::from_entities(entities, None).expect("no circles")
    }

    /// The parents of an entity in the configuration, except lists.
    fn configured_parents(&self, of: &EntityUid) -> BTreeSet<EntityUid> {
        let (ty, id) = (of.type_name().to_string(), of.id().unescaped());
        match ty.as_str() {
            "Team" => TEAMS
                .iter()
                .filter(|(team, ..)| *team == id)
                .filter_map(|(_, _, organization, _)| Some(uid("Organization", (*organization)?)))
                .collect(),
            "TokenRole" if self.settings.token_roles => BY_TOKEN
                .iter()
                .filter(|(role, ..)| *role == id)
                .flat_map(|(.., inherits)| inherits.iter().map(|role| uid("TokenRole", role)))
                .collect(),
            "Model" => {
                let groups = MODELS.iter().filter(|(name, _)| *name == id).flat_map(|(_, groups)| *groups);
                let provider =
                    if id.starts_with("gpt-") { Some("openai") } else { id.split_once('/').map(|(p, _)| p) };
                groups
                    .map(|group| uid("AccessGroup", group))
                    .chain(provider.map(|p| uid("Provider", p)))
                    .collect()
            }
            "Route" => group_names()
                .filter(|group| is_in_group(group, id))
                .map(|group| uid("RouteGroup", group))
                .collect(),
            _ => BTreeSet::new(),
        }
    }

    /// Lists name models and model groups, routes and route groups.
    fn add_to_lists(&self, parents: &mut Parents, of: &str, group: &str, lists: &[List]) {
        loop {
            let mut added = Vec::new();
            for member in parents.keys().filter(|uid| uid.type_name().to_string() == of) {
                let above = above(parents, member);
                let name = member.id().unescaped();
                for (list, listed) in lists.iter().filter(|(list, _)| !above.contains(list)) {
                    let is_listed = listed.iter().any(|listed| {
                        *listed == name
                            || listed.strip_suffix('*').is_some_and(|prefix| name.starts_with(prefix))
                            || above.contains(&uid(group, listed))
                    });
                    // Every list of denied models contains the names that the configuration does not have.
                    let is_unknown = of == "Model"
                        && list.id().unescaped().ends_with(".deny_models")
                        && !listed.is_empty()
                        && !self.has_name(name);
                    let is_listed = is_listed || is_unknown;
                    if is_listed {
                        added.push((member.clone(), list.clone()));
                    }
                }
            }
            if added.is_empty() {
                return;
            }
            for (member, list) in added {
                parents.entry(member).or_default().insert(list);
            }
        }
    }

    /// Whether `model_list`, or a list of allowed models, has the name.
    fn has_name(&self, name: &str) -> bool {
        let opening =
            self.model_lists.iter().filter(|(list, _)| !list.id().unescaped().ends_with(".deny_models"));
        MODELS.iter().any(|(known, _)| *known == name)
            || opening.flat_map(|(_, listed)| listed).any(|listed| *listed == name && !listed.contains('*'))
    }

    fn claimed_teams(&self, asked: &Asked) -> Vec<String> {
        let own = self.settings.team_claim.then(|| asked.claims.get("team")?.as_str()).flatten();
        names(&asked.claims, "groups").into_iter().chain(own.map(str::to_owned)).collect()
    }

    fn role(&self, asked: &Asked) -> Option<&'static str> {
        match () {
            () if self.settings.team_claim && asked.claims.contains_key("team") => Some("team"),
            () if asked.claims.contains_key("sub") => Some("internal_user"),
            () => None,
        }
    }

    /// R6.3 and R6.4.
    fn selected_team(
        &self,
        asked: &Asked,
        claimed: &[String],
        parents: &Parents,
    ) -> Result<Option<String>, &'static str> {
        let declared = |id: &str| TEAMS.iter().find(|(team, ..)| *team == id);
        if self.settings.team_claim {
            let team = asked.claims.get("team").and_then(Value::as_str).ok_or("R6.no_team")?;
            return declared(team).map(|(id, ..)| Some((*id).to_owned())).ok_or("R6.unknown_team");
        }
        let above_route = above(parents, &uid("Route", asked.path));
        let on_route = if self.settings.team_routes {
            above_route.contains(&uid("RouteGroup", TEAM_ROUTES))
        } else {
            ["openai_routes", "info_routes", "mcp_routes"]
                .iter()
                .any(|group| above_route.contains(&uid("RouteGroup", group)))
        };
        let fits = |id: &&String| {
            let Some((_, models, ..)) = declared(id) else { return false };
            let may_use = |model: &&str| {
                models.is_empty() || above(parents, &uid("Model", model)).contains(&uid("Team", id))
            };
            on_route && asked.models.iter().all(may_use)
        };
        let mut fitting: Vec<&String> = claimed.iter().filter(fits).collect();
        // D5: the first team in the order of code points, regardless of where the token names it.
        fitting.sort();
        let open = fitting.iter().find(|id| declared(id).is_some_and(|(.., blocked)| !blocked));
        match open.or(fitting.first()) {
            Some(team) => Ok(Some((*team).clone())),
            None if claimed.is_empty() || asked.models.is_empty() => Ok(None),
            None => Err("R6.no_team_with_model"),
        }
    }

    fn attributes(&self, of: &EntityUid, asked: &Asked) -> HashMap<String, Expression> {
        let (ty, id) = (of.type_name().to_string(), of.id().unescaped());
        let mut all = HashMap::new();
        let mut put = |name: &str, value: Expression| all.insert(name.to_owned(), value);
        match ty.as_str() {
            "Team" => {
                let team = TEAMS.iter().find(|(team, ..)| *team == id);
                put("declared", Expression::new_bool(team.is_some()));
                put("blocked", Expression::new_bool(team.is_some_and(|(.., blocked)| *blocked)));
                put("all_models", Expression::new_bool(team.is_none_or(|(_, models, ..)| models.is_empty())));
                if team.is_some() {
                    put("alias", text(id));
                }
            }
            "Model" => _ = put("name", text(id)),
            "Route" => {
                put("path", text(id));
                if id == asked.path {
                    put("method", text(asked.method.as_str()));
                }
            }
            _ => {}
        }
        all
    }

    fn of_principal(
        &self,
        asked: &Asked,
        claimed: &[String],
        team: Option<&str>,
        above: &BTreeSet<EntityUid>,
    ) -> HashMap<String, Expression> {
        let claims = &asked.claims;
        let claim = |name: &str| claims.get(name).and_then(Value::as_str);
        let uids = |ty: &str, ids: &[String]| {
            Expression::new_set(ids.iter().map(|id| Expression::new_entity_uid(uid(ty, id))))
        };
        let is_role = |ty: &str, role: &str| above.contains(&uid(ty, role));
        let mut routes: Vec<String> = (0..ROLES.len())
            .filter(|i| is_role("Role", ROLES[*i].0))
            .map(|i| format!("{PERMISSIONS}[{i}].routes"))
            .collect();
        if self.settings.token_roles {
            let listed = (0..BY_TOKEN.len())
                .filter(|i| BY_TOKEN[*i].3.is_some() && is_role("TokenRole", BY_TOKEN[*i].0));
            routes.extend(listed.map(|i| format!("{TOKEN_ROLES}[{i}].routes")));
        }
        let roles = names(claims, "roles");
        let mut all = HashMap::from([
            ("admin".to_owned(), Expression::new_bool(false)),
            ("roles".to_owned(), texts(roles.iter().map(String::as_str))),
            ("scopes".to_owned(), uids("Scope", &names(claims, "scope"))),
            ("routes".to_owned(), uids("RouteGroup", &routes)),
            ("teams".to_owned(), uids("Team", claimed)),
        ]);
        let domain = claim("email").and_then(|email| Some(email.rsplit_once('@')?.1));
        let single = [
            ("issuer", claim("iss")),
            ("subject", claim("sub")),
            ("user_id", claim("sub").or(claim("email"))),
            ("email", claim("email")),
            ("email_domain", domain),
        ];
        all.extend(single.into_iter().filter_map(|(name, value)| Some((name.to_owned(), text(value?)))));
        all.extend(team.map(|id| ("team".to_owned(), Expression::new_entity_uid(uid("Team", id)))));
        all
    }
}

/// All ancestors of an entity, and the entity itself.
fn above(parents: &Parents, of: &EntityUid) -> BTreeSet<EntityUid> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![of]);
    while let Some(uid) = open.pop() {
        if seen.insert(uid.clone()) {
            open.extend(parents.get(uid).into_iter().flatten());
        }
    }
    seen
}

fn caller_id(asked: &Asked) -> String {
    let claim = |name: &str| asked.claims.get(name).and_then(Value::as_str).unwrap_or_default();
    format!("{}#{}", claim("iss").replace('%', "%25").replace('#', "%23"), claim("sub"))
}

fn described(json: &str) -> Vec<Described> {
    let values: Vec<Value> = serde_json::from_str(json).expect("JSON");
    values
        .into_iter()
        .map(|value| {
            let tag = value.pointer("/tags/ally/__entity").map(|entity| {
                let part = |name: &str| entity[name].as_str().unwrap_or_default();
                ("ally".to_owned(), Expression::new_entity_uid(uid(part("type"), part("id"))))
            });
            let entity = Entity::from_json_value(value, None).expect("an entity");
            let (uid, attributes, parents) = entity.into_inner();
            Described { uid, attributes, parents, tags: tag.into_iter().collect() }
        })
        .collect()
}
