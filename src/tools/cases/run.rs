//! Runs cases.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::case::{Case, CaseFile, Expect};
use super::coverage::{Coverage, Touched};
use crate::display::escape;
use crate::engine::{Considered, Explanation, Snapshot};
use crate::tools::offline::Answer;

/// The results of some files of cases.
#[derive(Clone, Debug)]
pub struct Report {
    /// The results, in the order of the files.
    pub outcomes: Vec<Outcome>,
    /// The rules that the cases touched.
    pub coverage: Coverage,
}

/// The result of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The file.
    pub file: String,
    /// The line where the case begins.
    pub line: u32,
    /// The note of the case.
    pub note: String,
    /// The differences from the expected answer. If empty, the case passes.
    pub mismatches: Vec<Mismatch>,
    /// The policies that decided, with their source lines.
    pub because: String,
}

/// A part of an answer that differs from the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The part: a key of `expect`.
    pub what: &'static str,
    /// The expected value.
    pub expected: String,
    /// The actual value.
    pub actual: String,
}

impl Report {
    /// Whether every case passes.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The cases that fail.
    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| !outcome.mismatches.is_empty())
    }
}

/// Decides every case of `files` by the snapshot, even if a file names another configuration.
///
/// ```
/// use modelgate::{casefile::{CaseFile, run_cases}, config::Config, engine::Snapshot};
///
/// let yaml = "
/// general_settings:
///   enable_jwt_auth: true
///   litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
///   role_permissions: [{role: internal_user, models: [gpt-4o]}]
/// ";
/// let snapshot = Snapshot::build(Config::parse("config.yaml", yaml, ".".as_ref(), &|_| None)?)?;
/// let cases = "
/// config: config.yaml
/// cases:
///   - note: others are denied
///     claims: {roles: [basic_user]}
///     request: {model: o3}
///     expect: {allow: false, rule: R2.model}
/// ";
/// let report = run_cases(&snapshot, &[CaseFile::parse("cases.yaml", cases, ".".as_ref())?]);
/// assert!(report.passed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn run_cases(snapshot: &Snapshot, files: &[CaseFile]) -> Report {
    let mut touched = Touched::default();
    let cases = files.iter().flat_map(|file| file.cases.iter().map(move |case| (file, case)));
    let outcomes = cases.map(|(file, case)| run(snapshot, &file.name, case, &mut touched)).collect();
    Report { outcomes, coverage: Coverage::new(snapshot, &touched) }
}

fn run(snapshot: &Snapshot, file: &str, case: &Case, touched: &mut Touched) -> Outcome {
    let (answer, because) = match case.question.call() {
        Ok(call) => {
            let caller = case.question.caller(snapshot);
            let explained = snapshot.explain(&caller, &call);
            let models = call.models().cloned().collect();
            let answer = Answer::decided(explained.outcome.as_ref().map_err(AsRef::as_ref), models);
            touched.add(snapshot, &caller, &explained, &answer);
            let because = because(&answer, &explained);
            (answer, because)
        }
        Err(malformed) => (Answer::malformed(&malformed), format!("it cannot be judged: {malformed}")),
    };
    Outcome {
        file: file.to_owned(),
        line: case.line,
        note: case.note.clone(),
        mismatches: mismatches(&case.expect, &answer),
        because,
    }
}

fn mismatches(expect: &Expect, answer: &Answer) -> Vec<Mismatch> {
    let mut found = Vec::new();
    found.extend(other("allow", expect.allow.to_string(), answer.allow.to_string()));
    if let Some(status) = expect.status {
        found.extend(other("status", status.to_string(), answer.status.to_string()));
    }
    if let Some(rule) = &expect.rule {
        found.extend(other("rule", rule.clone(), answer.rule.unwrap_or("none").to_owned()));
    }
    if let Some(ids) = &expect.policies {
        found.extend(other_ids("policies", ids, answer.policies()));
    }
    if let Some(ids) = &expect.shadow {
        let shadow = answer.decision.as_ref().map(|decision| &*decision.shadow);
        found.extend(other_ids("shadow", ids, shadow.unwrap_or_default()));
    }
    if let Some(reason) = &expect.reason {
        let actual = answer.reason.clone().unwrap_or_else(|| "none".to_owned());
        found.extend(other("reason", reason.clone(), actual));
    }
    found
}

fn other(what: &'static str, expected: String, actual: String) -> Option<Mismatch> {
    (expected != actual).then_some(Mismatch { what, expected, actual })
}

/// Ids are compared one by one, because an id may contain any character, commas too.
fn other_ids(what: &'static str, expected: &[String], actual: &[Arc<str>]) -> Option<Mismatch> {
    let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let actual: BTreeSet<&str> = actual.iter().map(AsRef::as_ref).collect();
    let shown = |ids: &BTreeSet<&str>| format!("[{}]", ids.iter().copied().collect::<Vec<_>>().join(", "));
    (expected != actual).then(|| Mismatch { what, expected: shown(&expected), actual: shown(&actual) })
}

/// The policies that decided. If no grant matched, the grants that exist.
fn because(answer: &Answer, explained: &Explanation) -> String {
    let considered = || explained.grants.iter().chain(&explained.checks);
    let mut deciding: BTreeSet<String> = considered()
        .filter(|considered| considered.holds && answer.policies().contains(&considered.id))
        .map(shown)
        .collect();
    let Some(rule) = answer.rule else { return format!("allowed by {}", list(&deciding)) };
    let reason = answer.reason.as_deref().unwrap_or_default();
    if deciding.is_empty() {
        let missing = explained.grants.iter().filter(|grant| grant.rule.as_str() == rule && !grant.holds);
        deciding.extend(missing.map(|grant| format!("not granted by {}", shown(grant))));
    }
    if let Err(denied) = &explained.outcome {
        deciding.extend(denied.error.clone());
    }
    let by = if deciding.is_empty() { String::new() } else { format!(" ({})", list(&deciding)) };
    format!("denied by {rule}: {reason}{by}")
}

fn list(texts: &BTreeSet<String>) -> String {
    texts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn shown(considered: &Considered) -> String {
    let place = considered.source.as_ref().map(|source| format!(" [{source}]")).unwrap_or_default();
    format!("{}{place}", considered.id)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.mismatches.is_empty() { "ok  " } else { "FAIL" };
        writeln!(f, "{verdict} {}:{} {}", escape(&self.file), self.line, escape(&self.note))?;
        for Mismatch { what, expected, actual } in &self.mismatches {
            writeln!(f, "       {what}: expected {}, got {}", escape(expected), escape(actual))?;
        }
        writeln!(f, "       {}", escape(&self.because))
    }
}
