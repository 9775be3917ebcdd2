//! From a [`Config`] to Cedar policies: pure, and the same bytes for the same configuration.
//!
//! Grants (R2) are `permit`s; everything that must hold whoever grants is a `forbid … unless`. Lists of models and of
//! routes are entities, not policy text, so that the number of policies does not grow with them.

mod denied_models;
mod gates;
mod grants;
mod lists;
mod model_list;
mod model_names;
mod pst;
mod spellings;
mod token_role_lists;
mod token_roles;
mod writer;

use cedar_policy::{Policy, PolicySet};

use crate::config::Config;

use writer::Writer;

pub(crate) use denied_models::DeniedModels;
pub use lists::Lists;
pub(crate) use lists::TEAM_ROUTES;
pub(crate) use model_names::ModelNames;
pub(crate) use spellings::{canonical, readings};
pub(crate) use token_role_lists::TokenRoleLists;
pub(crate) use writer::JWTAUTH;
pub use writer::TranslateError;

/// The Cedar schema that every snapshot is validated against.
pub const SCHEMA: &str = include_str!("../../schema/modelgate.cedarschema");

/// What a configuration means, in Cedar.
#[derive(Clone, Debug)]
pub struct PolicyBundle {
    /// The policies, in the order of the rules. Ids are YAML paths, or a YAML path and a rule where one key has several.
    pub policies: Vec<Policy>,
    /// Who and what is in which list.
    pub lists: Lists,
}

/// Translates a configuration.
///
/// # Errors
///
/// [`TranslateError`] if Cedar refuses a policy, which no configuration that was read should bring about.
pub fn translate(config: &Config) -> Result<PolicyBundle, TranslateError> {
    let mut writer = Writer::new(config);
    grants::write(&mut writer)?;
    gates::write(&mut writer)?;
    Ok(PolicyBundle { policies: writer.policies, lists: Lists::new(config) })
}

impl PolicyBundle {
    /// The policies as a Cedar policy set.
    ///
    /// # Errors
    ///
    /// [`TranslateError::Set`] if two of them have the same id.
    pub fn policy_set(&self) -> Result<PolicySet, TranslateError> {
        let policies = self.policies.iter().cloned();
        PolicySet::from_policies(policies).map_err(|error| TranslateError::Set(error.to_string()))
    }
}
