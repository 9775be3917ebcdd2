//! One process of the solver that finds requests.

use cedar_policy_symcc::err::Error;
use cedar_policy_symcc::solver::{LocalSolver, SolverError};
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, Env};
use tokio::process::Command;
use tokio::runtime::Runtime;

use super::program::Program;
use super::query::{Limits, Never, Query};
use super::session::arguments;
use crate::prove::formula::{Setting, chain};

/// What the solver found: a request with its entities.
pub(in crate::prove) type Request = Box<Env>;

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

    /// The request that shows that a query is possible, if it is.
    pub(super) fn ask(&mut self, query: &Query) -> Result<Option<Request>, String> {
        let compiled = query
            .policy()
            .and_then(|policy| Setting::new(&query.environment, &query.schema)?.compiled(&policy))
            .map_err(|error| format!("it cannot be written as a formula: {error}"))?;
        let found = self.solve(query.never, &compiled);
        // After a limit, the process may be busy or gone.
        if found.is_err() {
            self.solver = None;
        }
        found
    }

    /// Asks the solver within the limits.
    fn solve(&mut self, never: Never, compiled: &CompiledPolicy) -> Result<Option<Request>, String> {
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
                match never {
                    Never::Matches => solver.check_never_matches_with_counterexample_opt(compiled).await,
                    Never::Fails => solver.check_never_errors_with_counterexample_opt(compiled).await,
                }
            })
            .await
        });
        match asked {
            Ok(Ok(found)) => Ok(found.map(Box::new)),
            Ok(Err(Error::SolverUnknown)) | Err(_) => Err(limits.exceeded()),
            Ok(Err(error)) => Err(chain(&error)),
        }
    }
}

fn start(program: &Program, limits: Limits) -> Result<LocalSolver, SolverError> {
    let mut command = Command::new("sh");
    command.args(arguments(program, limits)).kill_on_drop(true);
    LocalSolver::from_command(&mut command)
}
