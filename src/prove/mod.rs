//! Proves what no request can do, with an SMT solver.
//!
//! Input: rules, and invariants or other rules to compare with. Output: for each claim that it is proven for every
//! principal, model, route and context, or a request that shows the opposite, or that it is undecided.
//!
//! `candidates` looks for a request that shows something, before the solver is asked. `classes` divides names and paths into finitely many classes. `encode` writes rules and requests as formulas, and
//! `solve` asks the solver. `scenario` makes a request of what the solver found, which the engine then decides:
//! no request is reported that the engine does not confirm.

mod alike;
mod candidates;
mod classes;
mod encode;
mod error;
mod formula;
mod invariants;
mod questions;
mod report;
mod scenario;
mod solve;
mod space;
mod subject;
mod text;
mod vocabulary;

use crate::engine::Snapshot;
use encode::{Policy, Side};
use invariants::Invariant;
use questions::Solver;
use space::{Known, Space};
use subject::enforced;

pub use error::ProveError;
pub use invariants::Invariants;
pub use report::{Claim, Comparison, Counterexample, Kind, Relation, Report, Verdict};
pub use scenario::Scenario;
pub use solve::{Cache, Limits};
pub use subject::Subject;

/// Proves claims about rules.
#[derive(Clone, Debug)]
pub struct Prover {
    solver: Solver,
}

impl Prover {
    /// Finds the solver: the program that the variable `CVC5` names, or `cvc5` in a directory of `PATH`.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if there is none, or if it does not run.
    pub fn new(limits: Limits) -> Result<Self, ProveError> {
        Ok(Self {
            solver: Solver {
                program: solve::Program::find()?,
                limits,
                cache: None,
                kept: solve::Kept::default(),
            },
        })
    }

    /// Finds answers of earlier processes in a directory, and keeps new ones there.
    #[must_use]
    pub fn with_cache(mut self, cache: Cache) -> Self {
        self.solver.cache = Some(cache);
        self
    }

    /// Proves that no policy can fail, that every rule matters, that every invariant holds, and that the translation of
    /// the configuration is exact.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if an invariant is invalid, or if the rules cannot be written as formulas.
    pub fn prove(&self, subject: &Subject, invariants: &Invariants) -> Result<Report, ProveError> {
        deeply(|| self.prove_here(subject, invariants))
    }

    fn prove_here(&self, subject: &Subject, invariants: &Invariants) -> Result<Report, ProveError> {
        let bounds = invariants.of(subject)?;
        let solver = &self.solver.afresh();
        let policies = || {
            let space = space_of(subject, &bounds)?;
            let known = Known::new(&space);
            let mut claims = questions::never_fails(subject, &known, solver)?;
            claims.extend(questions::useful(subject, &known, solver)?);
            claims.extend(questions::invariants(subject, &known, solver, &bounds)?);
            Ok(claims)
        };
        // The questions about the translation have formulas of their own.
        let (policies, translation): (Result<Vec<Claim>, ProveError>, _) = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(solve::STACK);
            let thread = thread.spawn_scoped(scope, || questions::translation(subject, solver));
            (policies(), thread.map(|thread| thread.join()))
        });
        let mut claims = policies?;
        let ended = || ProveError::Internal("a thread ended early".to_owned());
        claims.extend(translation.map_err(|_| ended())?.map_err(|_| ended())??);
        Ok(self.report(claims))
    }

    /// Proves that the translation of the configuration is exact.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if the rules cannot be written as formulas.
    pub fn prove_translation(&self, subject: &Subject) -> Result<Report, ProveError> {
        deeply(|| Ok(self.report(questions::translation(subject, &self.solver.afresh())?)))
    }

    fn report(&self, claims: Vec<Claim>) -> Report {
        Report { claims, solver: self.solver.program.version.clone() }
    }

    /// Proves that every invariant holds, and nothing else.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if an invariant is invalid, or if the rules cannot be written as formulas.
    pub fn hold(&self, subject: &Subject, invariants: &Invariants) -> Result<Report, ProveError> {
        deeply(|| {
            let bounds = invariants.of(subject)?;
            let space = space_of(subject, &bounds)?;
            let claims = questions::invariants(subject, &Known::new(&space), &self.solver.afresh(), &bounds)?;
            Ok(Report { claims, solver: self.solver.program.version.clone() })
        })
    }

    /// Compares newer rules with older ones, over all requests with one model and all without.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if the rules cannot be written as formulas.
    pub fn compare(&self, old: &Subject, new: &Subject) -> Result<Comparison, ProveError> {
        deeply(|| {
            let snapshots = [&old.snapshot, &new.snapshot];
            let space = space_of_both(snapshots)?;
            questions::compare(snapshots, &Known::new(&space), &self.solver.afresh())
        })
    }

    /// Proves that newer rules allow no request that older ones deny, over the same requests.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if the rules cannot be written as formulas.
    pub fn gained(&self, old: &Snapshot, new: &Snapshot) -> Result<Verdict, ProveError> {
        deeply(|| {
            let space = space_of_both([old, new])?;
            questions::gained([old, new], &Known::new(&space), &self.solver.afresh())
        })
    }
}

/// The space of rules with their invariants.
fn space_of<'s>(subject: &'s Subject, bounds: &[Invariant]) -> Result<Space<'s>, ProveError> {
    let further = bounds.iter().map(|bound| Policy::new(&bound.policy)).collect::<Result<Vec<_>, _>>()?;
    let enforced = enforced(&subject.snapshot)?;
    Space::new(vec![Side::first(&subject.snapshot)], vec![enforced], &further)
}

/// The space of older and newer rules.
fn space_of_both([old, new]: [&Snapshot; 2]) -> Result<Space<'_>, ProveError> {
    let policies = vec![enforced(old)?, enforced(new)?];
    Space::new(vec![Side::first(old), Side::second(new)], policies, &[])
}

/// Runs on a stack of its own, because formulas are deep.
fn deeply<T: Send>(work: impl FnOnce() -> Result<T, ProveError> + Send) -> Result<T, ProveError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(solve::STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| ProveError::Internal(error.to_string()))?;
        thread.join().unwrap_or_else(|_| Err(ProveError::Internal("a thread ended early".to_owned())))
    })
}
