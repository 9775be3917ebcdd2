//! No policy can fail.

use std::sync::Arc;

use cedar_policy::{Authorizer, PolicySet};

use super::task::{ASKED, Solver, Task};
use crate::engine::Rule;
use crate::prove::ProveError;
use crate::prove::encode::{Policy, Question};
use crate::prove::formula::all;
use crate::prove::report::{Claim, Kind, Verdict};
use crate::prove::solve::{About, Answer, Never, Query, basis};
use crate::prove::space::Known;
use crate::prove::subject::Subject;

/// Asks of each policy whether its evaluation can fail.
pub(in crate::prove) fn never_fails(
    subject: &Subject,
    known: &Known<'_>,
    solver: &Solver,
) -> Result<Vec<Claim>, ProveError> {
    let facts = crate::engine::proof::ProofFacts(&subject.snapshot);
    let schema = Arc::new(facts.schema().clone());
    let basis = basis(&facts.schema_json().to_string(), &[]);
    let mut queries = Vec::new();
    let mut origins = Vec::new();
    for (at, view) in subject.snapshot.policies().enumerate() {
        for environment in schema.request_envs() {
            let policy = view.policy().clone();
            queries.push(Query {
                never: Never::Fails,
                about: About::Policy(Box::new(policy)),
                given: Arc::default(),
                schema: schema.clone(),
                basis,
                environment,
            });
            origins.push(at);
        }
    }
    let answers = solver.ask(&queries);
    let mut claims: Vec<Claim> = subject
        .snapshot
        .policies()
        .map(|view| Claim {
            kind: Kind::NeverFails,
            name: view.id().to_owned(),
            place: view.source().map(str::to_owned),
            verdict: Verdict::Proven,
            because: Vec::new(),
        })
        .collect();
    let mut doubtful = std::collections::BTreeSet::new();
    for ((query, answer), at) in queries.iter().zip(answers).zip(origins) {
        let Some(claim) = claims.get_mut(at) else { continue };
        let is_ours = Question::ALL
            .iter()
            .any(|question| query.environment.action().id().unescaped() == question.action());
        match answer {
            Answer::Never => {}
            Answer::Unknown(reason) => claim.verdict = Verdict::Undecided(reason),
            // Whether such a request exists is another question.
            Answer::Possible if is_ours => {
                doubtful.insert(at);
            }
            // The actions that operators declare: Cedar itself confirms it.
            Answer::Possible => {
                let found = solver.find(&[query]).pop();
                let policy = subject.snapshot.policies().nth(at).map(|view| view.policy().clone());
                let set = PolicySet::from_policies(policy).unwrap_or_default();
                let error = found.and_then(|found| {
                    let env = found.ok()??;
                    let response = Authorizer::new().is_authorized(&env.request, &set, &env.entities);
                    response.diagnostics().errors().next().map(ToString::to_string)
                });
                claim.verdict = match error {
                    Some(error) => Verdict::Violated {
                        reason: Some(format!("{error}, for {}", query.environment.action())),
                        counterexample: None,
                    },
                    None => Verdict::Undecided(
                        "Cedar does not confirm the error that the solver found".to_owned(),
                    ),
                };
            }
        }
    }
    for at in doubtful {
        let Some(view) = subject.snapshot.policies().nth(at) else { continue };
        let policy = Policy::new(view.policy())?;
        let verdict = solver.settle(known, &[task(subject, &policy)])?;
        if let (Some(claim), Some(verdict)) = (claims.get_mut(at), verdict.into_iter().next()) {
            claim.verdict = verdict;
        }
    }
    Ok(claims)
}

fn task<'t>(subject: &'t Subject, policy: &'t Policy) -> Task<'t> {
    let mut task = Task {
        formulas: Vec::new(),
        fails: true,
        needs_request: true,
        may_shrink: true,
        shows: Box::new(|scenario| {
            let decided = scenario.decide(&subject.snapshot);
            decided.is_some_and(|decided| decided.is_err_and(|denied| denied.rule == Rule::Evaluation))
        }),
        decided_by: &subject.snapshot,
        guess: Box::new(|_| None),
    };
    for (question, variant) in ASKED {
        task.formulas.push((
            variant,
            Box::new(move |requests| {
                let world = requests.side(0)?;
                let condition = world.condition(policy, question);
                Ok(all(&[world.accepts()?, condition]))
            }),
        ));
    }
    task
}
