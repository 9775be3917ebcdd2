//! Looks for a request step by step, the most promising one first.

use std::collections::HashSet;
use std::time::Instant;

use serde_json::Value;

use super::guide::Guide;
use crate::prove::encode::Question;
use crate::prove::scenario::Scenario;

/// The number of requests that each step adds.
const MOST_NEXT: usize = 16;

/// What the engine's answer says about a request.
pub(super) enum Judged<'g> {
    /// It shows what is looked for.
    Shown,
    /// So many things are in the way. For each of them, one of its wishes may remove it.
    Lacks(usize, Vec<Vec<Wish<'g>>>),
}

/// That a condition has a value.
pub(super) struct Wish<'g> {
    pub(super) guide: &'g Guide<'g>,
    pub(super) question: Question,
    pub(super) condition: &'g Value,
    pub(super) wanted: bool,
}

/// A request for which something is still in the way.
struct Open<'g> {
    /// The number of things in the way, and of the steps so far.
    cost: usize,
    steps: usize,
    scenario: Scenario,
    wishes: Vec<Vec<Wish<'g>>>,
}

/// How long a search goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// The number of requests that the engine decides.
    pub(super) attempts: usize,
    /// The time when it ends. `None`: at no time.
    pub(super) ends: Option<Instant>,
}

/// Looks for a request that shows something.
pub(super) fn search<'g>(
    seeds: impl IntoIterator<Item = Scenario>,
    patience: Patience,
    judge: impl Fn(&Scenario) -> Judged<'g>,
) -> Option<Scenario> {
    let mut open: Vec<Open<'g>> = Vec::new();
    let mut seen = HashSet::new();
    let mut next: Vec<(Scenario, usize)> = seeds.into_iter().map(|seed| (seed, 0)).collect();
    loop {
        for (scenario, steps) in next {
            if !seen.insert(format!("{scenario:?}")) {
                continue;
            }
            if seen.len() > patience.attempts || patience.ends.is_some_and(|ends| ends <= Instant::now()) {
                return None;
            }
            match judge(&scenario) {
                Judged::Shown => return Some(scenario),
                Judged::Lacks(count, wishes) => {
                    open.push(Open { cost: 2 * count + steps, steps, scenario, wishes });
                }
            }
        }
        let best = open.iter().enumerate().min_by_key(|(_, open)| open.cost).map(|(at, _)| at)?;
        let Open { steps, scenario, wishes, .. } = open.swap_remove(best);
        let (mut variants, mut near) = (Vec::new(), 0);
        for wish in wishes.iter().take(1).flatten() {
            let found = wish.guide.variants(&scenario, wish.question, wish.condition, wish.wanted);
            for variant in found {
                let distance = distance(&scenario, &variant);
                near += usize::from(distance == 1);
                variants.push((distance, variant));
            }
            // Requests that differ in more are not needed then.
            if near >= MOST_NEXT {
                break;
            }
        }
        variants.sort_by_key(|(distance, _)| *distance);
        let variants = variants.into_iter().map(|(_, variant)| variant).take(MOST_NEXT);
        next = without_all(&scenario, &wishes)
            .into_iter()
            .chain(variants)
            .map(|variant| (variant, steps + 1))
            .collect();
    }
}

/// A request from which all things in the way are removed at once, each by its first wish, if there are several. Many rules may
/// each ask for another role.
fn without_all(from: &Scenario, wishes: &[Vec<Wish<'_>>]) -> Option<Scenario> {
    if wishes.len() < 2 {
        return None;
    }
    let nearest = |known: Scenario, wish: &Wish<'_>| {
        let variants = wish.guide.variants(&known, wish.question, wish.condition, wish.wanted);
        // Another path or model would avoid one rule, and the one that is looked for.
        let is_elsewhere = |other: &Scenario| (&other.path, &other.model) != (&known.path, &known.model);
        variants.into_iter().min_by_key(|variant| (is_elsewhere(variant), distance(&known, variant)))
    };
    wishes.iter().filter_map(|wishes| wishes.first()).try_fold(from.clone(), nearest)
}

/// The number of things in which two requests differ.
fn distance(one: &Scenario, other: &Scenario) -> usize {
    let claims = match (&one.claims, &other.claims) {
        (Some(own), Some(others)) => {
            let missing = |(name, value): &(&String, &Value)| others.get(*name) != Some(*value);
            own.iter().filter(missing).count()
                + others.iter().filter(|(name, _)| !own.contains_key(*name)).count()
        }
        (None, None) => 0,
        _ => 3,
    };
    let others = [
        one.team_header != other.team_header,
        one.method != other.method,
        one.path != other.path,
        one.model != other.model,
        one.model_use != other.model_use,
        one.body_bytes != other.body_bytes,
        one.time != other.time,
        one.source != other.source,
    ];
    claims + others.into_iter().filter(|differs| *differs).count()
}
