//! Asks for a request that shows something, and confirms it with the engine.

use std::collections::VecDeque;
use std::time::Instant;

use crate::engine::Snapshot;
use crate::prove::ProveError;
use crate::prove::encode::{Asks, Question};
use crate::prove::formula::Formula;
use crate::prove::report::{Counterexample, Verdict};
use crate::prove::scenario::{Found, Scenario};
pub(in crate::prove) use crate::prove::solve::Solver;
use crate::prove::solve::{Answer, Query, Request};
use crate::prove::space::{Known, Requests};

/// Whether the request has a model.
pub(in crate::prove) type Variant = bool;

/// The questions about each request: whether its route may be called, with a model or without one, and whether its model may be used.
pub(in crate::prove) const ASKED: [(Question, Variant); 3] =
    [(Question::Route, false), (Question::Route, true), (Question::Model, true)];

/// Writes a formula about requests.
type Write<'t> = Box<dyn Fn(&Requests<'_>) -> Result<Formula, ProveError> + 't>;

/// Something that no request may show.
pub(in crate::prove) struct Task<'t> {
    /// What is shown, for requests with a model and for requests without.
    pub(in crate::prove) formulas: Vec<(Variant, Write<'t>)>,
    /// Ask whether the evaluation fails, in place of whether it is true.
    pub(in crate::prove) fails: bool,
    /// Whether a request is wanted that the engine confirms, and not only that the solver finds one.
    pub(in crate::prove) needs_request: bool,
    /// Whether a smaller request may be shown that the engine confirms. Not where the engine confirms only a part.
    pub(in crate::prove) may_shrink: bool,
    /// Whether the engine confirms that a request shows it.
    pub(in crate::prove) shows: Box<dyn Fn(&Scenario) -> bool + 't>,
    /// The rules that decide in the counterexample.
    pub(in crate::prove) decided_by: &'t Snapshot,
    /// Looks for a request that shows it, before the solver is asked.
    pub(in crate::prove) guess: Guess<'t>,
}

/// Looks for a request without the solver, until a time.
pub(in crate::prove) type Guess<'t> = Box<dyn Fn(Option<Instant>) -> Option<Scenario> + 't>;

impl Solver {
    /// Finds out about each task.
    pub(in crate::prove) fn settle(
        &self,
        known: &Known<'_>,
        tasks: &[Task<'_>],
    ) -> Result<Vec<Verdict>, ProveError> {
        let guessed: Vec<Option<Verdict>> =
            tasks.iter().map(|task| task.guessed(self.limits.search_ends())).collect();
        // The solver is asked about what no request showed.
        let all = |task: &Task<'_>| task.formulas.iter().map(|(variant, _)| *variant).collect();
        let open = |(task, known): (&Task<'_>, &Option<Verdict>)| match known {
            None => all(task),
            Some(_) => Vec::new(),
        };
        let rounds: Vec<Vec<Variant>> = tasks.iter().zip(&guessed).map(open).collect();
        let solved = self.rounds(known, tasks, &rounds)?;
        Ok(guessed.into_iter().zip(solved).map(|(known, solved)| known.unwrap_or(solved)).collect())
    }

    /// Asks the given variants of each task.
    fn rounds(
        &self,
        known: &Known<'_>,
        tasks: &[Task<'_>],
        rounds: &[Vec<Variant>],
    ) -> Result<Vec<Verdict>, ProveError> {
        let broad = self.round(known, tasks, rounds, false)?;
        // What the engine does not confirm is asked again, more narrowly.
        let unconfirmed = |verdict: &Verdict| matches!(verdict, Verdict::Undecided(_));
        let again: Vec<Vec<Variant>> = rounds
            .iter()
            .zip(&broad)
            .map(
                |(variants, (verdict, is_unconfirmed))| {
                    if unconfirmed(verdict) && *is_unconfirmed { variants.clone() } else { Vec::new() }
                },
            )
            .collect();
        if again.iter().all(Vec::is_empty) {
            return Ok(broad.into_iter().map(|(verdict, _)| verdict).collect());
        }
        let narrow = self.round(known, tasks, &again, true)?;
        let each = broad.into_iter().zip(narrow).map(|((broad, _), (narrow, _))| match narrow {
            Verdict::Violated { .. } => narrow,
            _ => broad,
        });
        Ok(each.collect())
    }

    /// Asks the given variants of each task. Says of each answer whether it is an unconfirmed request.
    fn round(
        &self,
        known: &Known<'_>,
        tasks: &[Task<'_>],
        rounds: &[Vec<Variant>],
        is_narrow: bool,
    ) -> Result<Vec<(Verdict, bool)>, ProveError> {
        let asked = |variant: Variant| rounds.iter().flatten().any(|asked| *asked == variant);
        let requests = |has_model: bool| {
            asked(has_model).then(|| known.requests(Asks { has_model, is_narrow })).transpose()
        };
        let requests = [requests(false)?, requests(true)?];
        let of = |variant: Variant| requests.get(usize::from(variant)).copied().flatten();
        let (mut queries, mut origins, mut unasked) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (task, variants)) in tasks.iter().zip(rounds).enumerate() {
            for (variant, write) in task.formulas.iter().filter(|(variant, _)| variants.contains(variant)) {
                let Some(requests) = of(*variant) else { continue };
                if self.limits.is_over() {
                    unasked.push(at);
                    continue;
                }
                let formula = write(requests)?;
                queries.push(match task.fails {
                    true => requests.may_fail(formula)?,
                    false => requests.is_possible(formula)?,
                });
                origins.push((at, *variant));
            }
        }
        let answers = self.ask(&queries);
        let mut verdicts: Vec<(Verdict, bool)> = tasks.iter().map(|_| (Verdict::Proven, false)).collect();
        for at in unasked {
            let undecided = Verdict::Undecided(self.limits.exceeded());
            verdicts.get_mut(at).into_iter().for_each(|place| *place = (undecided.clone(), false));
        }
        // The queries that are possible, of each task.
        let mut possible: Vec<VecDeque<(&Query, Variant)>> = tasks.iter().map(|_| VecDeque::new()).collect();
        for ((answer, query), (at, variant)) in answers.into_iter().zip(&queries).zip(origins) {
            let (Some(task), Some(verdict)) = (tasks.get(at), verdicts.get_mut(at)) else { continue };
            match answer {
                _ if matches!(verdict.0, Verdict::Violated { .. }) => {}
                Answer::Never => {}
                Answer::Unknown(reason) => *verdict = (Verdict::Undecided(reason), false),
                Answer::Possible if task.needs_request => {
                    possible.get_mut(at).into_iter().for_each(|place| place.push_back((query, variant)));
                }
                Answer::Possible => {
                    *verdict = (Verdict::Violated { reason: None, counterexample: None }, false);
                }
            }
        }
        // A task needs one request. The next is looked for only if the engine does not confirm it.
        loop {
            let next = possible.iter_mut().enumerate().filter_map(|(at, left)| Some((at, left.pop_front()?)));
            let next: Vec<(usize, (&Query, Variant))> = next.collect();
            if next.is_empty() {
                return Ok(verdicts);
            }
            let asked: Vec<&Query> = next.iter().map(|(_, (query, _))| *query).collect();
            for ((at, (_, variant)), found) in next.iter().zip(self.find(&asked)) {
                let (Some(task), Some(requests), Some(verdict)) =
                    (tasks.get(*at), of(*variant), verdicts.get_mut(*at))
                else {
                    continue;
                };
                *verdict = match found {
                    Ok(Some(found)) => {
                        task.confirmed(known, requests, &found, *variant, self.limits.search_ends())
                    }
                    Ok(None) => (Verdict::Undecided("the solver contradicts itself".to_owned()), false),
                    Err(reason) => (Verdict::Undecided(reason), false),
                };
                if matches!(verdict.0, Verdict::Violated { .. })
                    && let Some(left) = possible.get_mut(*at)
                {
                    left.clear();
                }
            }
        }
    }
}

impl<'t> Task<'t> {
    /// A task that only asks whether there is such a request.
    pub(in crate::prove) fn existence(decided_by: &'t Snapshot) -> Self {
        Self {
            formulas: Vec::new(),
            fails: false,
            needs_request: false,
            may_shrink: false,
            shows: Box::new(|_| false),
            decided_by,
            guess: Box::new(|_| None),
        }
    }

    /// That a request shows it, if one is found without the solver until a time.
    fn guessed(&self, ends: Option<Instant>) -> Option<Verdict> {
        let scenario = (self.guess)(ends).filter(|scenario| (self.shows)(scenario))?;
        Some(self.shown(scenario, ends))
    }

    /// That a request shows it. A smaller one is looked for until a time.
    fn shown(&self, scenario: Scenario, ends: Option<Instant>) -> Verdict {
        let models = self.decided_by.config().models.iter().map(|model| model.name.as_str().to_owned());
        let scenario = match self.may_shrink {
            true => scenario.smaller(&models.collect::<Vec<_>>(), &*self.shows, ends),
            false => scenario,
        };
        let counterexample = Some(Box::new(Counterexample::of(scenario, self.decided_by)));
        Verdict::Violated { reason: None, counterexample }
    }

    fn confirmed(
        &self,
        known: &Known<'_>,
        requests: &Requests<'_>,
        request: &Request,
        has_model: bool,
        ends: Option<Instant>,
    ) -> (Verdict, bool) {
        let found = Found {
            env: request,
            claims: &requests.claims,
            models: &known.space.models,
            routes: &known.space.routes,
            has_model,
            jwt: self.decided_by.config().jwt.as_ref(),
        };
        let scenarios = found.scenarios();
        let tried = scenarios.first().map(ToString::to_string).unwrap_or_default();
        match scenarios.into_iter().find(|scenario| (self.shows)(scenario)) {
            Some(scenario) => (self.shown(scenario, ends), false),
            None => {
                let reason = format!(
                    "the solver found a request that the engine does not confirm, so the formulas describe more than \
                     there is: {tried}"
                );
                (Verdict::Undecided(reason), true)
            }
        }
    }
}

impl Counterexample {
    /// What these rules decide about a request.
    pub(in crate::prove) fn of(scenario: Scenario, snapshot: &Snapshot) -> Self {
        let decided = scenario.decide(snapshot);
        let (is_allowed, rule, ids) = match &decided {
            Some(Ok(decision)) => (true, None, decision.policies.clone()),
            Some(Err(denied)) => (false, Some(denied.rule), denied.decision.policies.clone()),
            None => (false, None, std::sync::Arc::default()),
        };
        let place = |id: &str| {
            let policy = snapshot.policies().find(|policy| policy.id() == id);
            policy.and_then(|policy| policy.source()).map(str::to_owned)
        };
        let policies = ids.iter().map(|id| (id.to_string(), place(id))).collect();
        Self { scenario, is_allowed, rule, policies }
    }
}
