//! The prover of tests, which need a solver.

use modelgate::prove::{Limits, ProveError, Prover};

use crate::skip::skip;

/// The prover. `None` if the solver is missing: then the test is skipped.
pub(crate) fn prover(test: &str) -> Option<Prover> {
    let mut limits = Limits::default();
    // The machine may have other work.
    limits.time = std::time::Duration::from_secs(120);
    match Prover::new(limits) {
        Ok(prover) => Some(prover),
        Err(ProveError::NoSolver) => {
            skip(test, "cvc5 is not installed");
            None
        }
        Err(error) => panic!("{error}"),
    }
}
