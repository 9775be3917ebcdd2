//! Finds the rules that no case touches.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::engine::{Explanation, PolicyView, Rule, Snapshot};
use crate::identity::{Caller, Reason};
use crate::names::ModelName;
use crate::pattern::Pattern;
use crate::tools::offline::Answer;
use crate::translate::JWTAUTH;

/// The parts of a snapshot that the cases touched. Mandatory checks that every configuration has are not included,
/// because no entry of a file creates them.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Policies by id, and YAML entries without a policy by path.
    pub parts: Vec<Part>,
}

/// A policy, or an entry of the YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The policy's id or the entry's path.
    pub name: String,
    /// `file:line`.
    pub source: String,
    /// Whether some case used it: the conditions of a policy held, a team was selected, a model was requested, or a
    /// token had the role or scope.
    pub covered: bool,
}

/// The names of the parts that were used.
#[derive(Debug, Default)]
pub(super) struct Touched(BTreeSet<String>);

impl Coverage {
    pub(super) fn new(snapshot: &Snapshot, touched: &Touched) -> Self {
        let policies = snapshot.policies().filter(|policy| is_written(snapshot.config(), policy));
        let policies =
            policies.map(|policy| (policy.id().to_owned(), policy.source().unwrap_or_default().to_owned()));
        let entries = entries(snapshot.config());
        let part =
            |(name, source): (String, String)| Part { covered: touched.0.contains(&name), name, source };
        Self { parts: policies.chain(entries).map(part).collect() }
    }

    /// The number of parts, and how many of them were touched.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.parts.len(), self.parts.iter().filter(|part| part.covered).count())
    }
}

/// Whether an operator wrote the policy, either in Cedar or as a key of the YAML.
fn is_written(config: &Config, policy: &PolicyView<'_>) -> bool {
    // The master key has no claims, so no case can cover it.
    policy.is_dropped_in() || (policy.rule() != Rule::MasterKey && config.lines.get(policy.id()).is_some())
}

/// The entries without a policy, each with its position.
fn entries(config: &Config) -> Vec<(String, String)> {
    let jwt = config.jwt.as_ref();
    let of_jwt = |list: &str| format!("{JWTAUTH}.{list}");
    let lists = [
        ("teams".to_owned(), config.teams.len()),
        ("model_list".to_owned(), listed_models(config)),
        (of_jwt("user_allowed_roles"), jwt.map_or(0, |jwt| jwt.user_allowed_roles.len())),
        (of_jwt("role_mappings"), jwt.map_or(0, |jwt| jwt.role_mappings.len())),
        (of_jwt("scope_mappings"), jwt.map_or(0, |jwt| jwt.scope_mappings.len())),
    ];
    let paths = lists.iter().flat_map(|(list, length)| (0..*length).map(move |i| format!("{list}[{i}]")));
    let source = |path: &str| format!("{}:{}", config.file, config.lines.get(path).unwrap_or_default());
    paths.map(|path| (path.clone(), source(&path))).collect()
}

/// The number of models with an entry. The others are aliases.
fn listed_models(config: &Config) -> usize {
    (0..config.models.len()).take_while(|i| config.lines.get(&format!("model_list[{i}]")).is_some()).count()
}

impl Touched {
    pub(super) fn add(
        &mut self,
        snapshot: &Snapshot,
        caller: &Caller,
        explained: &Explanation,
        answer: &Answer,
    ) {
        let held = explained.grants.iter().chain(&explained.checks).filter(|considered| considered.holds);
        self.0.extend(held.map(|considered| considered.id.to_string()));
        let config = snapshot.config();
        if let Some(decision) = &answer.decision {
            self.0.extend(decision.shadow.iter().map(ToString::to_string));
            self.add_list("teams", &config.teams, |team| {
                Some(team.team_id.as_str()) == decision.team_id.as_deref()
            });
        }
        let asks_for = |name: &ModelName| {
            let pattern = name.as_str().contains('*').then(|| Pattern::new(name.as_str()));
            answer.models.iter().any(|model| {
                model == name || pattern.as_ref().is_some_and(|pattern| pattern.matches(model.as_str()))
            })
        };
        self.add_list("model_list", &config.models, |model| asks_for(&model.name));

        let Some(jwt) = &config.jwt else { return };
        for (_, reason) in caller.roles() {
            match reason {
                Reason::AllowedRole(role) => {
                    let list = format!("{JWTAUTH}.user_allowed_roles");
                    self.add_list(&list, &jwt.user_allowed_roles, |allowed| allowed == role);
                }
                Reason::Mapping { index, .. } => {
                    self.0.insert(format!("{JWTAUTH}.role_mappings[{index}]"));
                }
                Reason::AdminScope | Reason::Team(_) | Reason::DefaultTeam(_) | Reason::User(_) => {}
            }
        }
        self.add_list(&format!("{JWTAUTH}.scope_mappings"), &jwt.scope_mappings, |mapping| {
            caller.membership.scopes.contains(&mapping.scope)
                && answer.models.iter().any(|model| mapping.models.contains(model))
        });
    }

    fn add_list<T>(&mut self, list: &str, entries: &[T], touches: impl Fn(&T) -> bool) {
        let touching = entries.iter().enumerate().filter(|(_, entry)| touches(entry));
        self.0.extend(touching.map(|(i, _)| format!("{list}[{i}]")));
    }
}
