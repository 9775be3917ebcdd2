//! What the formulas of many queries have in common, as one script for the solver.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use cedar_policy_symcc::solver::WriterSolver;
use cedar_policy_symcc::term::Term;
use cedar_policy_symcc::{CedarSymCompiler, SymEnv, never_errors_asserts};

use super::parallel::in_parallel;
use super::query::{About, Limits, Query};
use super::session::Session;
use crate::prove::formula::{Condition, Digest, Formula, Setting, Terms};

/// A script that defines every condition, and the names that it gives them.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) text: String,
    names: BTreeMap<Digest, String>,
    /// What stands for the schema and what is given.
    basis: Digest,
    /// Processes that have read it, and wait for questions.
    idle: Mutex<Vec<Session>>,
}

/// The last script of queries with the same schema and what is given, about the same kind of request.
#[derive(Clone, Debug, Default)]
pub(in crate::prove) struct Kept(Arc<Mutex<Scripts>>);

/// By what stands for the schema and what is given, and by the kind of request.
type Scripts = BTreeMap<(Digest, String), Arc<Script>>;

impl Kept {
    /// A script with everything that these queries ask about.
    pub(super) fn script(&self, queries: &[&Query], limits: Limits) -> Result<Arc<Script>, String> {
        let Some(first) = queries.first() else { return Err("there is no query".to_owned()) };
        let place = (first.basis, format!("{:?}", first.environment));
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let script = known().get(&place).cloned();
        if let Some(script) = script.filter(|script| queries.iter().all(|query| script.has(query))) {
            return Ok(script);
        }
        let script = Arc::new(Script::new(queries, limits)?);
        known().insert(place, script.clone());
        Ok(script)
    }
}

/// What a script gives a name.
enum Named<'q> {
    Condition(&'q Condition),
    /// That the evaluation of a policy fails.
    Failure(&'q cedar_policy::Policy),
}

impl Script {
    /// The script of queries with the same schema, about the same kind of request.
    fn new(queries: &[&Query], limits: Limits) -> Result<Self, String> {
        let Some(first) = queries.first() else { return Err("there is no query".to_owned()) };
        let setting = Setting::new(&first.environment, &first.schema)?;
        let mut all: BTreeMap<Digest, Named<'_>> = BTreeMap::new();
        first.given.iter().for_each(|formula| collect(formula, &mut all));
        for query in queries {
            match &query.about {
                About::Formula(formula) => collect(formula, &mut all),
                About::Policy(policy) => _ = all.insert(query.key(), Named::Failure(policy)),
            }
        }
        let (mut assumed, mut named) = (BTreeSet::new(), Vec::new());
        for (digest, terms) in compiled(&all, &setting, limits) {
            let Terms { holds, assumed: own } = terms?;
            assumed.extend(own);
            named.push((digest, holds));
        }
        if named.len() != all.len() {
            return Err(limits.exceeded());
        }
        let (text, names) = written(assumed, named, setting.terms())?;
        let mut script = Self { text, names, basis: first.basis, idle: Mutex::default() };
        for formula in first.given.iter() {
            let line = format!("(assert {})\n", script.of_formula(formula));
            script.text.push_str(&line);
        }
        Ok(script)
    }

    /// What a query asks, in the names of the script.
    pub(super) fn written(&self, query: &Query) -> String {
        match &query.about {
            About::Formula(formula) => self.of_formula(formula),
            About::Policy(_) => self.name(query.key()),
        }
    }

    /// Whether it has everything that a query asks about.
    fn has(&self, query: &Query) -> bool {
        let mut asked = BTreeMap::new();
        let digest = query.key();
        match &query.about {
            About::Formula(formula) => collect(formula, &mut asked),
            About::Policy(policy) => _ = asked.insert(digest, Named::Failure(policy)),
        }
        self.basis == query.basis && asked.keys().all(|digest| self.names.contains_key(digest))
    }

    /// A process that has read the script, if one waits.
    pub(super) fn take(&self) -> Option<Session> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps a process that has read the script for later questions.
    pub(super) fn keep(&self, session: Session) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
    }

    fn name(&self, digest: Digest) -> String {
        self.names.get(&digest).cloned().unwrap_or_default()
    }

    fn of_formula(&self, formula: &Formula) -> String {
        let each = |operator: &str, none: &str, formulas: &[Formula]| match formulas {
            [] => none.to_owned(),
            [one] => self.of_formula(one),
            more => {
                let all: Vec<String> = more.iter().map(|formula| self.of_formula(formula)).collect();
                format!("({operator} {})", all.join(" "))
            }
        };
        match formula {
            Formula::Is(condition) => self.name(condition.digest()),
            Formula::All(formulas) => each("and", "true", formulas),
            Formula::Any(formulas) => each("or", "false", formulas),
            Formula::Not(formula) => format!("(not {})", self.of_formula(formula)),
        }
    }
}

fn collect<'f>(formula: &'f Formula, into: &mut BTreeMap<Digest, Named<'f>>) {
    match formula {
        Formula::Is(condition) => {
            into.insert(condition.digest(), Named::Condition(condition));
        }
        Formula::All(formulas) | Formula::Any(formulas) => {
            formulas.iter().for_each(|formula| collect(formula, into));
        }
        Formula::Not(formula) => collect(formula, into),
    }
}

/// The terms of each, in the order of the digests. When the time is over, some are missing.
fn compiled(
    all: &BTreeMap<Digest, Named<'_>>,
    setting: &Setting,
    limits: Limits,
) -> Vec<(Digest, Result<Terms, String>)> {
    let each: Vec<(&Digest, &Named<'_>)> = all.iter().collect();
    let terms = in_parallel(
        each.len(),
        || (),
        |(), at| match each.get(at).filter(|_| !limits.is_over())? {
            (digest, Named::Condition(condition)) => Some((**digest, condition.terms(setting).clone())),
            (digest, Named::Failure(policy)) => {
                let terms = setting.compiled(policy).and_then(|own| Terms::of(&never_errors_asserts(&own)));
                Some((**digest, terms))
            }
        },
    );
    terms.into_iter().flatten().flatten().collect()
}

/// The script in which `assumed` is true and `named` have names.
fn written(
    assumed: BTreeSet<Term>,
    named: Vec<(Digest, Term)>,
    environment: &SymEnv,
) -> Result<(String, BTreeMap<Digest, String>), String> {
    let (yes, no) = (Term::from(true), Term::from(false));
    if assumed.contains(&no) {
        return Err("what it assumes is false".to_owned());
    }
    let is_plain = |term: &Term| *term == yes || *term == no;
    let (plain, named): (Vec<_>, Vec<_>) = named.into_iter().partition(|(_, term)| is_plain(term));
    let assumed = assumed.into_iter().filter(|term| !is_plain(term));
    let asserts: Vec<Term> = assumed.chain(named.iter().map(|(_, term)| term.clone())).collect();
    let text = if asserts.is_empty() { String::new() } else { asserted(asserts, environment)? };
    // The last assertions are those of `named`: they are names for queries, and not true by themselves.
    let lines: Vec<&str> = text.lines().filter(|line| *line != "(check-sat)" && *line != "(reset)").collect();
    let asserted = lines.iter().enumerate().rev().filter(|(_, line)| line.starts_with("(assert "));
    let last: Vec<(usize, &str)> = asserted.take(named.len()).map(|(at, line)| (at, *line)).collect();
    if last.len() != named.len() {
        return Err("the script has too few assertions".to_owned());
    }
    let name =
        |line: &str| line.strip_prefix("(assert ").and_then(|line| line.strip_suffix(')')).map(str::to_owned);
    let mut names = BTreeMap::new();
    for ((digest, _), (_, line)) in named.iter().zip(last.iter().rev()) {
        names.insert(*digest, name(line).ok_or("an assertion of the script has no name")?);
    }
    names.extend(plain.into_iter().map(|(digest, term)| (digest, (term == yes).to_string())));
    let last: BTreeSet<usize> = last.into_iter().map(|(at, _)| at).collect();
    let kept = lines.iter().enumerate().filter(|(at, _)| !last.contains(at));
    let text = kept.fold(String::new(), |text, (_, line)| text + line + "\n");
    Ok((text, names))
}

/// The script in which all of these are asserted, without a solver.
fn asserted(asserts: Vec<Term>, environment: &SymEnv) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    let mut compiler =
        CedarSymCompiler::new(WriterSolver { w: Vec::new() }).map_err(|error| error.to_string())?;
    // This "solver" answers that it does not know.
    let _ = runtime.block_on(compiler.check_unsat_raw(Arc::new(asserts), environment));
    String::from_utf8(compiler.solver().w.clone()).map_err(|error| error.to_string())
}
