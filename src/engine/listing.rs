//! Lists all entities of a configuration for people. Decisions only build the entities of one request.

use std::collections::{BTreeSet, HashSet};

use cedar_policy::{Entities, Entity, EntityUid};
use serde_json::Value;

use super::Snapshot;
use super::entities::build;
use super::entities::candidates::Candidates;
use super::policy::reads::Reads;
use crate::names::ModelName;

impl Snapshot {
    /// Returns the models with every set, scope, team and group that contains them, and the teams, in Cedar's JSON
    /// format.
    ///
    /// # Errors
    ///
    /// Cedar's message about an entity that it refuses.
    pub fn entities(&self) -> Result<Value, String> {
        let (reads, mut all): (_, Vec<Entity>) = (Reads::everything(), Vec::new());
        let lists = Candidates::all(&self.world.lists);
        for model in self.model_names() {
            all.push(self.in_fewest(build::model(&self.world, &reads, &lists, model.as_str())?.1)?);
        }
        for team in &self.config().teams {
            all.push(self.in_fewest(build::team(&self.world, &reads, &team.team_id)?)?);
        }
        let entities = Entities::from_entities(all, None).map_err(|error| error.to_string())?;
        entities.to_json_value().map(sorted).map_err(|error| error.to_string())
    }

    /// Removes every parent that is an ancestor of another parent, because the schema only allows direct parents.
    fn in_fewest(&self, entity: Entity) -> Result<Entity, String> {
        let (me, attributes, mut parents) = entity.into_inner();
        let above = |uid: &EntityUid| self.world.above(uid, &Candidates::default());
        let indirect: HashSet<EntityUid> = parents.iter().flat_map(above).collect();
        parents.retain(|parent| !indirect.contains(parent));
        let tags = self
            .world
            .drop_ins
            .statics
            .get(&me)
            .into_iter()
            .flat_map(|described| described.tags.iter().cloned());
        Entity::new_with_tags(me, attributes, parents, tags).map_err(|error| error.to_string())
    }

    /// Every model name of the configuration, without wildcards.
    fn model_names(&self) -> BTreeSet<ModelName> {
        let config = self.config();
        let listed = config.models.iter().map(|model| &model.name);
        let in_roles =
            config.role_permissions.iter().flatten().filter_map(|entry| entry.models.as_ref()).flatten();
        let scopes =
            config.jwt.iter().flat_map(|jwt| &jwt.scope_mappings).flat_map(|mapping| &mapping.models);
        listed.chain(in_roles).chain(scopes).filter(|name| !name.as_str().contains('*')).cloned().collect()
    }
}

/// Sorts the JSON, because Cedar keeps no order. The same configuration must print the same bytes.
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
