//! One process of the solver.

use std::sync::Arc;

use cedar_policy::Policy;
use cedar_policy_symcc::err::Error;
use cedar_policy_symcc::solver::{LocalSolver, SolverError};
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy};
use tokio::process::Command;
use tokio::runtime::Runtime;

use super::program::Program;
use super::query::{About, Answer, Limits, Never, Query};
use super::session::arguments;
use crate::prove::formula::{chain, compiled, policy};

/// A worker with its process, which starts with the first question.
pub(super) struct Worker<'p> {
    runtime: Runtime,
    program: &'p Program,
    limits: Limits,
    solver: Option<CedarSymCompiler<LocalSolver>>,
}

impl<'p> Worker<'p> {
    pub(super) fn new(program: &'p Program, limits: Limits) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        Some(Self { runtime, program, limits, solver: None })
    }

    /// Asks one question, with the request that shows it.
    pub(super) fn ask(&mut self, query: &Query) -> Answer {
        let whole = match &query.about {
            About::Policy(policy) => Ok(Policy::clone(policy)),
            About::Formula(formula) => policy(&formula.json()),
        };
        let answer = match whole.and_then(|policy| compiled(&policy, &query.environment, &query.schema)) {
            Ok(compiled) => self.solve(query.never, &compiled),
            Err(error) => return Answer::Unknown(format!("it cannot be written as a formula: {error}")),
        };
        // After a limit, the process may be busy or gone.
        if matches!(answer, Answer::Unknown(_)) {
            self.solver = None;
        }
        answer
    }

    fn solve(&mut self, never: Never, compiled: &CompiledPolicy) -> Answer {
        self.limited(async |solver| {
            let found = match never {
                Never::Matches => solver.check_never_matches_with_counterexample_opt(compiled).await?,
                Never::Fails => solver.check_never_errors_with_counterexample_opt(compiled).await?,
            };
            Ok(found.map_or(Answer::Never, |found| Answer::Possible(Some(Arc::new(found)))))
        })
    }

    /// Asks the solver within the limits.
    fn limited(
        &mut self,
        ask: impl AsyncFnOnce(&mut CedarSymCompiler<LocalSolver>) -> Result<Answer, Error>,
    ) -> Answer {
        let (program, limits) = (self.program, self.limits);
        let solver = &mut self.solver;
        // The solver keeps to its own limit. This one is for a solver that does not.
        let deadline = limits.patience(std::time::Duration::from_secs(2));
        let asked = self.runtime.block_on(async {
            tokio::time::timeout(deadline, async {
                let solver = match solver {
                    Some(solver) => solver,
                    none => none.insert(CedarSymCompiler::new(start(program, limits)?)?),
                };
                ask(solver).await
            })
            .await
        });
        match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(Error::SolverUnknown)) | Err(_) => Answer::Unknown(limits.exceeded()),
            Ok(Err(error)) => Answer::Unknown(chain(&error)),
        }
    }
}

fn start(program: &Program, limits: Limits) -> Result<LocalSolver, SolverError> {
    let mut command = Command::new("sh");
    command.args(arguments(program, limits)).kill_on_drop(true);
    LocalSolver::from_command(&mut command)
}
