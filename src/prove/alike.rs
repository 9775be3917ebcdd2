//! Whether two sides differ in their policies alone.

use super::encode::Policy;
use crate::config::Config;
use crate::engine::Snapshot;
use crate::engine::proof::ProofFacts;

/// Whether both sides have the same settings, schema and entities.
///
/// A decision is a function of these, of the policies and of the request, so the sides know the same of each request. Every setting
/// counts, whether decisions read it or not: a difference only costs time. The text of a setting is its `Debug` form, which
/// each setting derives. Of secrets, such as the master key, it has the presence alone, which is all that decisions read.
pub(super) fn has_same_settings([one, other]: [&Snapshot; 2]) -> bool {
    let facts = [ProofFacts(one), ProofFacts(other)];
    let [schemas, entities] =
        [facts.map(|facts| vec![facts.schema_json().to_string()]), facts.map(ProofFacts::entities)];
    settings(one.config()) == settings(other.config())
        && schemas[0] == schemas[1]
        && entities[0] == entities[1]
}

/// Whether both sides have the same policies.
pub(super) fn has_same_policies(one: &[Policy], other: &[Policy]) -> bool {
    one.len() == other.len()
        && one.iter().all(|policy| other.iter().any(|other| policy.is_same(other)))
        && other.iter().all(|policy| one.iter().any(|other| policy.is_same(other)))
}

fn settings(config: &Config) -> String {
    // Every field is named, so that a new one does not compile until it is handled here.
    let Config {
        file: _,
        lines: _,
        jwt,
        role_permissions,
        token_roles,
        require_identity,
        master_key,
        models,
        teams,
        router,
        gateway,
        ignored: _,
        warnings: _,
    } = config;
    format!(
        "{jwt:?} {role_permissions:?} {token_roles:?} {require_identity:?} {master_key:?} {models:?} {teams:?} {router:?} \
         {gateway:?}"
    )
}
