//! `check`, `diff` and `test`: changed rules, beside those in force. Nothing is written, and nothing is fetched.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::answer::{ApiError, body, json_answer};
use super::depth;
use super::sources::{Text, Texts, dropins};
use crate::casefile::{CaseFile, Outcome, run_cases};
use crate::cli::check::json::{of as check_json, problem};
use crate::cli::diff;
use crate::cli::diff::side::Side;
use crate::config::{Config, ConfigError};
use crate::dropins::{DropInError, DropIns};
use crate::engine::{Snapshot, SnapshotError};
use crate::gateway::admin::{ApiAnswer, ApiRequest};
use crate::gateway::{Generation, Reloader};
use crate::sources::Loaded;

/// The variables with addresses and names, which the configuration reads without naming them.
const PLAIN_VARIABLES: [&str; 4] =
    ["JWT_PUBLIC_KEY_URL", "JWT_ISSUER", "JWT_AUDIENCE", "AZURE_AUTHORITY_HOST"];
const PLAIN_ENDINGS: [&str; 3] = ["_BASE_URL", "_API_BASE", "_REGION"];
/// What stands for the value of any other variable.
const HIDDEN: &str = "<secret>";

/// Changed rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    config: String,
    #[serde(default)]
    policies: Vec<Text>,
    #[serde(default)]
    cases: Option<String>,
    #[serde(default)]
    prove: bool,
}

/// Changed rules that were read, and are valid together.
struct Changed {
    snapshot: Snapshot,
    dropins: DropIns,
}

impl Api {
    pub(super) async fn check(&self, request: &ApiRequest) -> Result<ApiAnswer, ApiError> {
        self.with_rules(request, |rules, active, reloader| {
            let Changed { snapshot, dropins } = rules.read(active, reloader)?;
            // The files of invariants may be any files of this machine, so only those in force are read.
            let named =
                |config: &Config| config.gateway.invariants.as_ref().map(|named| named.directory.clone());
            let directory = named(snapshot.config())
                .filter(|named_here| named(active.snapshot().config()).as_ref() == Some(named_here));
            let invariants = directory.map(|directory| DropIns::load(&directory)).transpose();
            let invariants = invariants.map_err(|error| dropin_error(&error))?;
            let policy_count = dropins.policies.len();
            let (shadow, files, policies) = (None, Vec::new(), None);
            let loaded = Loaded { snapshot, shadow, files, policies, policy_count, dropins, invariants };
            check_json(&loaded).map_err(ApiError::rules)
        })
        .await
    }

    pub(super) async fn diff(&self, request: &ApiRequest) -> Result<ApiAnswer, ApiError> {
        self.with_rules(request, |rules, active, reloader| {
            let Changed { snapshot, dropins } = rules.read(active, reloader)?;
            let old = Texts::of(active)?.side(active)?;
            let new = Side::new(snapshot.config().clone(), dropins).map_err(ApiError::rules)?;
            if rules.prove { prove(old, new) } else { Ok(diff::compare(&old, &new)) }
        })
        .await
    }

    pub(super) async fn test(&self, request: &ApiRequest) -> Result<ApiAnswer, ApiError> {
        self.with_rules(request, |rules, active, reloader| {
            let Changed { snapshot, .. } = rules.read(active, reloader)?;
            let files = match &rules.cases {
                Some(text) => {
                    let parsed = CaseFile::parse("cases.yaml", text, Path::new(""));
                    vec![parsed.map_err(|error| config_error("cases.yaml", &error))?]
                }
                None => {
                    CaseFile::load_all(&active.snapshot().config().gateway.tests).map_err(ApiError::rules)?
                }
            };
            let report = run_cases(&snapshot, &files);
            let (parts, covered) = report.coverage.counts();
            let untouched = report.coverage.parts.iter().filter(|part| !part.covered);
            let untouched: Vec<Value> =
                untouched.map(|part| json!({"name": part.name, "source": part.source})).collect();
            Ok(json!({
                "total": report.outcomes.len(),
                "failed": report.failures().count(),
                "outcomes": report.outcomes.iter().map(outcome).collect::<Vec<_>>(),
                "coverage": {"parts": parts, "covered": covered, "untouched": untouched},
            }))
        })
        .await
    }

    /// Reads the body, and works on a thread of its own.
    async fn with_rules(
        &self,
        request: &ApiRequest,
        work: impl FnOnce(&Rules, &Arc<Generation>, &Reloader) -> Result<Value, ApiError> + Send + 'static,
    ) -> Result<ApiAnswer, ApiError> {
        let rules: Rules = body(request)?;
        let reloader = Arc::clone(&self.reloader);
        let active = reloader.gateway().active();
        let found = self.jobs.run(move || work(&rules, &active, &reloader)).await?;
        Ok(json_answer(&found))
    }
}

impl Rules {
    /// Reads the rules as if they were in the files of those in force.
    fn read(&self, active: &Generation, reloader: &Reloader) -> Result<Changed, ApiError> {
        let texts = Texts::of(active)?;
        let Text { name, text: original } = &texts.config;
        let references = Config::references(original);
        let env = |variable: &str| {
            let value = reloader.variable(variable)?;
            let is_plain = match references.get(variable) {
                Some(is_secret) => !is_secret,
                None => {
                    PLAIN_VARIABLES.contains(&variable)
                        || PLAIN_ENDINGS.iter().any(|ending| variable.ends_with(ending))
                }
            };
            Some(if is_plain { value } else { HIDDEN.to_owned() })
        };
        let directory = &active.snapshot().config().gateway.directory;
        let config = Config::parse_with_secrets(name, &self.config, original, directory, &env);
        let config = config.map_err(|error| config_error(name, &error))?;
        for file in &self.policies {
            let is_named =
                [".cedar", ".cedarschema", ".entities.json"].iter().any(|end| file.name.ends_with(end));
            if !is_named {
                let error = "a file of policies ends with `.cedar`, `.cedarschema` or `.entities.json`";
                return Err(ApiError::rules(error));
            }
            depth::check(&file.name, &file.text)?;
        }
        let dropins = dropins(&self.policies).map_err(|error| dropin_error(&error))?;
        let snapshot = Snapshot::with_policies(config, &dropins).map_err(|error| snapshot_error(&error))?;
        Ok(Changed { snapshot, dropins })
    }
}

#[cfg(feature = "prove")]
fn prove(old: Side, new: Side) -> Result<Value, ApiError> {
    use crate::prove::{Limits, Prover};

    let prover = Prover::new(Limits::default()).map_err(ApiError::rules)?;
    diff::proof::to_json(&prover, [old, new]).map_err(ApiError::rules)
}

#[cfg(not(feature = "prove"))]
fn prove(_: Side, _: Side) -> Result<Value, ApiError> {
    Err(ApiError::rules("this build has no prover"))
}

fn outcome(outcome: &Outcome) -> Value {
    let mismatches = outcome
        .mismatches
        .iter()
        .map(|found| json!({"what": found.what, "expected": found.expected, "actual": found.actual}));
    json!({"file": outcome.file, "line": outcome.line, "note": outcome.note,
        "passed": outcome.mismatches.is_empty(), "because": outcome.because,
        "mismatches": mismatches.collect::<Vec<_>>()})
}

fn config_error(file: &str, error: &ConfigError) -> ApiError {
    let diagnostics = error.problems().iter().map(|found| {
        let mut diagnostic = problem(found);
        if let Some(fields) = diagnostic.as_object_mut() {
            fields.insert("file".to_owned(), json!(file));
        }
        diagnostic
    });
    ApiError::Rules { error: error.to_string(), diagnostics: diagnostics.collect() }
}

fn snapshot_error(error: &SnapshotError) -> ApiError {
    match error {
        SnapshotError::DropIns(error) => dropin_error(error),
        error => ApiError::rules(error),
    }
}

fn dropin_error(error: &DropInError) -> ApiError {
    use miette::Diagnostic as _;

    let diagnostics = error.findings().iter().map(|finding| {
        let (line, column) = finding.position();
        json!({"file": finding.file(), "line": line, "column": column, "message": finding.to_string(),
            "help": finding.help().map(|help| help.to_string()), "kind": "refused"})
    });
    ApiError::Rules { error: error.to_string(), diagnostics: diagnostics.collect() }
}
