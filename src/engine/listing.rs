//! All entities of a configuration, for people to look at: decisions build only those of a request.

use std::collections::{BTreeSet, HashSet};

use cedar_policy::{Entities, Entity};
use serde_json::Value;

use super::Snapshot;
use super::entities::{model_entity, team_entity};
use super::reads::Reads;
use crate::names::ModelName;

impl Snapshot {
    /// The models, with every set, scope, team and group that they are in, and the teams, in Cedar's JSON format.
    ///
    /// # Errors
    ///
    /// What Cedar says of an entity that it refuses.
    pub fn entities(&self) -> Result<Value, String> {
        let (reads, mut all): (_, Vec<Entity>) = (Reads::everything(), Vec::new());
        for model in self.model_names() {
            all.push(model_entity(self, &reads, model.as_str(), self.parents_of(&model))?.1);
        }
        for team in &self.config().teams {
            all.push(team_entity(self, &reads, &team.team_id)?);
        }
        let entities = Entities::from_entities(all, None).map_err(|error| error.to_string())?;
        entities.to_json_value().map(sorted).map_err(|error| error.to_string())
    }

    /// Every model that the configuration names, wildcards left out.
    fn model_names(&self) -> BTreeSet<ModelName> {
        let config = self.config();
        let listed = config.models.iter().map(|model| &model.name);
        let in_roles =
            config.role_permissions.iter().flatten().filter_map(|entry| entry.models.as_ref()).flatten();
        let scopes =
            config.jwt.iter().flat_map(|jwt| &jwt.scope_mappings).flat_map(|mapping| &mapping.models);
        listed.chain(in_roles).chain(scopes).filter(|name| !name.as_str().contains('*')).cloned().collect()
    }

    fn parents_of(&self, model: &ModelName) -> HashSet<cedar_policy::EntityUid> {
        let name = model.as_str();
        let sets = self.lists.role_models.values().filter(|(_, models)| models.contains(name));
        let scopes =
            self.lists.scopes.iter().filter(|(_, models)| models.contains(name)).map(|(scope, _)| scope);
        let teams = self.lists.teams.keys().filter(|team| self.lists.team_lists(team, name));
        let of_token_roles = self.lists.token_roles.values().flat_map(|lists| &lists.models);
        let of_token_roles =
            of_token_roles.filter(|(_, models)| models.contains(name, self.lists.groups_of(name)));
        let sets = sets.map(|(id, _)| id).chain(of_token_roles.map(|(id, _)| id));
        let sets = sets.map(|id| self.names.model_set_uid(id));
        let scopes = scopes.map(|scope| self.names.scope_uid(scope));
        sets.chain(scopes).chain(teams.map(|team| self.names.team_uid(team))).collect()
    }
}

/// Cedar keeps no order; the same configuration shall print the same bytes.
fn sorted(json: Value) -> Value {
    let Value::Array(mut list) = json else { return json };
    for entity in &mut list {
        if let Some(Value::Array(parents)) = entity.get_mut("parents") {
            parents.sort_by_key(Value::to_string);
        }
    }
    list.sort_by_key(|entity| entity.get("uid").map(Value::to_string));
    Value::Array(list)
}
