//! Cedar's names for the entity types of the schema.

use cedar_policy::{EntityId, EntityTypeName, EntityUid};

/// Cedar's names for the entity types of the schema, parsed once.
#[derive(Debug)]
pub(in crate::engine) struct Names {
    pub(in crate::engine) caller: EntityTypeName,
    pub(in crate::engine) role: EntityTypeName,
    pub(in crate::engine) token_role: EntityTypeName,
    pub(in crate::engine) scope: EntityTypeName,
    pub(in crate::engine) organization: EntityTypeName,
    pub(in crate::engine) team: EntityTypeName,
    pub(in crate::engine) refusal: EntityTypeName,
    pub(in crate::engine) model_set: EntityTypeName,
    pub(in crate::engine) access_group: EntityTypeName,
    pub(in crate::engine) provider: EntityTypeName,
    pub(in crate::engine) model: EntityTypeName,
    pub(in crate::engine) route_group: EntityTypeName,
    pub(in crate::engine) route: EntityTypeName,
    pub(in crate::engine) action: EntityTypeName,
}

impl Names {
    pub(in crate::engine) fn new() -> Result<Self, String> {
        let name = |text: &str| text.parse::<EntityTypeName>().map_err(|error| error.to_string());
        Ok(Self {
            action: name("Action")?,
            caller: name("Caller")?,
            role: name("Role")?,
            token_role: name("TokenRole")?,
            scope: name("Scope")?,
            organization: name("Organization")?,
            team: name("Team")?,
            refusal: name("Refusal")?,
            model_set: name("ModelSet")?,
            access_group: name("AccessGroup")?,
            provider: name("Provider")?,
            model: name("Model")?,
            route_group: name("RouteGroup")?,
            route: name("Route")?,
        })
    }

    pub(in crate::engine) fn action(&self, id: &str) -> EntityUid {
        uid(&self.action, id)
    }

    pub(in crate::engine) fn model_set_uid(&self, id: &str) -> EntityUid {
        uid(&self.model_set, id)
    }

    pub(in crate::engine) fn scope_uid(&self, id: &str) -> EntityUid {
        uid(&self.scope, id)
    }

    pub(in crate::engine) fn team_uid(&self, id: &str) -> EntityUid {
        uid(&self.team, id)
    }
}

pub(in crate::engine) fn uid(ty: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(ty.clone(), EntityId::new(id))
}
