//! What the formulas of many queries have in common, as one script for the solver.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy_symcc::CedarSymCompiler;
use cedar_policy_symcc::solver::WriterSolver;
use cedar_policy_symcc::term::Term;

use super::query::Query;
use crate::prove::formula::{Condition, Formula};

/// A script that defines every condition, and the names that it gives them.
pub(super) struct Script {
    pub(super) text: String,
    names: BTreeMap<[u64; 2], String>,
}

impl Script {
    /// The script of queries with the same schema.
    pub(super) fn new(queries: &[&Query]) -> Result<Self, String> {
        let mut conditions: BTreeMap<[u64; 2], &Arc<Condition>> = BTreeMap::new();
        let formulas = queries.iter().filter_map(|query| query.formula());
        formulas.for_each(|formula| collect(formula, &mut conditions));
        let Some(first) = queries.first() else { return Err("there is no query".to_owned()) };
        let (mut assumed, mut named) = (BTreeSet::new(), Vec::new());
        let mut environment = None;
        for (at, condition) in &conditions {
            let terms = condition.terms(&first.environment, &first.schema).as_ref().map_err(Clone::clone)?;
            assumed.extend(terms.assumed.iter().cloned());
            named.push((*at, terms.holds.clone()));
            environment = Some(&terms.environment);
        }
        let Some(environment) = environment else { return Err("there is no condition".to_owned()) };
        let holds = named.iter().map(|(_, holds)| holds.clone());
        let asserts: Vec<Term> = assumed.into_iter().chain(holds).collect();
        let text = written(asserts, environment)?;
        // The last assertions are the conditions: they are names for queries and not true by themselves.
        let lines: Vec<&str> =
            text.lines().filter(|line| *line != "(check-sat)" && *line != "(reset)").collect();
        let asserted = |line: &&str| line.starts_with("(assert ");
        let of_conditions: Vec<usize> = lines
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, line)| asserted(line))
            .take(named.len())
            .map(|(at, _)| at)
            .collect();
        if of_conditions.len() != named.len() {
            return Err("the script has too few assertions".to_owned());
        }
        let name = |at: &usize| {
            let line = lines.get(*at).copied().unwrap_or_default();
            line.trim_start_matches("(assert ").strip_suffix(')').unwrap_or_default().to_owned()
        };
        let names = named.iter().map(|(at, _)| *at).zip(of_conditions.iter().rev().map(name)).collect();
        let kept = lines.iter().enumerate().filter(|(at, _)| !of_conditions.contains(at));
        let text = kept.fold(String::new(), |text, (_, line)| text + line + "\n");
        Ok(Self { text, names })
    }

    /// A formula in the names of the script.
    pub(super) fn written(&self, formula: &Formula) -> String {
        let each = |operator: &str, none: &str, formulas: &[Formula]| match formulas {
            [] => none.to_owned(),
            [one] => self.written(one),
            more => {
                let all: Vec<String> = more.iter().map(|formula| self.written(formula)).collect();
                format!("({operator} {})", all.join(" "))
            }
        };
        match formula {
            Formula::Is(condition) => self.names.get(&condition.digest()).cloned().unwrap_or_default(),
            Formula::All(formulas) => each("and", "true", formulas),
            Formula::Any(formulas) => each("or", "false", formulas),
            Formula::Not(formula) => format!("(not {})", self.written(formula)),
        }
    }
}

fn collect<'f>(formula: &'f Formula, into: &mut BTreeMap<[u64; 2], &'f Arc<Condition>>) {
    match formula {
        Formula::Is(condition) => {
            into.insert(condition.digest(), condition);
        }
        Formula::All(formulas) | Formula::Any(formulas) => {
            formulas.iter().for_each(|formula| collect(formula, into));
        }
        Formula::Not(formula) => collect(formula, into),
    }
}

/// The script in which all of these are asserted, without a solver.
fn written(asserts: Vec<Term>, environment: &cedar_policy_symcc::SymEnv) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    let mut compiler =
        CedarSymCompiler::new(WriterSolver { w: Vec::new() }).map_err(|error| error.to_string())?;
    // This "solver" answers that it does not know.
    let _ = runtime.block_on(compiler.check_unsat_raw(Arc::new(asserts), environment));
    String::from_utf8(compiler.solver().w.clone()).map_err(|error| error.to_string())
}
