//! Cedar's names of the types that our schema declares.

use cedar_policy::{EntityId, EntityTypeName, EntityUid};

/// Cedar's names for what the schema declares, parsed once.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) caller: EntityTypeName,
    pub(super) role: EntityTypeName,
    pub(super) token_role: EntityTypeName,
    pub(super) scope: EntityTypeName,
    pub(super) organization: EntityTypeName,
    pub(super) team: EntityTypeName,
    pub(super) refusal: EntityTypeName,
    pub(super) model_set: EntityTypeName,
    pub(super) access_group: EntityTypeName,
    pub(super) provider: EntityTypeName,
    pub(super) model: EntityTypeName,
    pub(super) route_group: EntityTypeName,
    pub(super) route: EntityTypeName,
    pub(super) action: EntityTypeName,
}

impl Names {
    pub(super) fn new() -> Result<Self, String> {
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

    pub(super) fn action(&self, id: &str) -> EntityUid {
        uid(&self.action, id)
    }

    pub(super) fn model_set_uid(&self, id: &str) -> EntityUid {
        uid(&self.model_set, id)
    }

    pub(super) fn scope_uid(&self, id: &str) -> EntityUid {
        uid(&self.scope, id)
    }

    pub(super) fn team_uid(&self, id: &str) -> EntityUid {
        uid(&self.team, id)
    }
}

pub(super) fn uid(ty: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(ty.clone(), EntityId::new(id))
}
