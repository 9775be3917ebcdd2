//! Translates a [`Config`] to Cedar policies. The translation is pure and always gives the same bytes for a
//! configuration.
//!
//! Grants (R2) become `permit`s, and mandatory checks become `forbid … unless`. Lists of models and routes become
//! entities instead of policy text, so the number of policies does not grow with them.

mod denied_models;
mod grants;
mod lists;
mod mandatory;
mod model_list;
mod model_names;
mod pst;
mod spellings;
mod token_role_lists;
mod token_roles;
mod writer;

use cedar_policy::PolicySet;

use crate::config::Config;

use writer::Writer;

pub(crate) use denied_models::DeniedModels;
pub use lists::Lists;
pub(crate) use lists::TEAM_ROUTES;
pub(crate) use model_names::ModelNames;
#[cfg(feature = "prove")]
pub(crate) use spellings::folded;
pub(crate) use spellings::{canonical, readings};
pub(crate) use token_role_lists::TokenRoleLists;
pub(crate) use writer::JWTAUTH;
pub use writer::{TranslateError, TranslatedPolicy};

/// The Cedar schema that every snapshot is validated against.
pub const SCHEMA: &str = include_str!("../../schema/modelgate.cedarschema");

/// A configuration translated to Cedar.
#[derive(Clone, Debug)]
pub struct PolicyBundle {
    /// The policies in the order of the rules.
    pub policies: Vec<TranslatedPolicy>,
    /// The models and routes in each list.
    pub lists: Lists,
}

/// Translates a configuration.
///
/// ```
/// use modelgate::{config::Config, translate::translate};
///
/// let yaml = "
/// general_settings:
///   enable_jwt_auth: true
///   litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
///   role_permissions: [{role: internal_user, models: [gpt-4o]}]
/// ";
/// let bundle = translate(&Config::parse("config.yaml", yaml, ".".as_ref(), &|_| None)?)?;
/// let ids: Vec<String> = bundle.policies.iter().map(|policy| policy.id().to_string()).collect();
/// assert!(ids.contains(&"general_settings.role_permissions[0].models".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`TranslateError`] if Cedar refuses a policy. No configuration that was loaded should cause this.
pub fn translate(config: &Config) -> Result<PolicyBundle, TranslateError> {
    let mut writer = Writer::new(config);
    grants::write(&mut writer)?;
    mandatory::write(&mut writer)?;
    Ok(PolicyBundle { policies: writer.policies, lists: Lists::new(config) })
}

impl PolicyBundle {
    /// The policies as a Cedar policy set.
    ///
    /// # Errors
    ///
    /// [`TranslateError::Set`] if two policies have the same id.
    pub fn policy_set(&self) -> Result<PolicySet, TranslateError> {
        let policies = self.policies.iter().map(|translated| translated.policy().clone());
        PolicySet::from_policies(policies).map_err(|error| TranslateError::Set(error.to_string()))
    }
}
