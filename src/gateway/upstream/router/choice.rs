//! Chooses among the deployments of one name.

use std::time::{Duration, Instant};

use super::health::Health;
use crate::config::Routing;

/// A deployment that may be chosen.
#[derive(Clone, Copy)]
pub(in crate::gateway) struct Candidate<'d> {
    pub(in crate::gateway) routing: &'d Routing,
    pub(in crate::gateway) health: &'d Health,
}

impl Candidate<'_> {
    /// Deployments without an order come last.
    fn order(&self) -> u32 {
        self.routing.order.unwrap_or(u32::MAX)
    }

    /// What its share of the requests may be measured by.
    fn measures(&self) -> [Option<f64>; 3] {
        #[expect(clippy::cast_precision_loss, reason = "shares need no more precision")]
        let number = |limit: u64| limit as f64;
        [self.routing.weight, self.routing.rpm.map(number), self.routing.tpm.map(number)]
    }
}

/// The outcome of a choice.
#[derive(Debug, PartialEq)]
pub(in crate::gateway) enum Choice {
    /// The candidate at this index.
    Chosen(usize),
    /// All cool down, and the first is done after this time.
    AllCooling(Duration),
    /// There are none.
    Nothing,
}

/// Chooses one of the lowest order that does not cool down. As in LiteLLM, the shares are the weights; if no candidate has
/// one, `rpm`; if none has one, `tpm`; and else they are equal. `turn` counts the choices before this one.
pub(in crate::gateway) fn choose<'d>(
    candidates: impl Iterator<Item = Candidate<'d>> + Clone,
    turn: usize,
    now: Instant,
) -> Choice {
    let healthy = candidates.clone().enumerate().filter(|(_, one)| one.health.cooling(now).is_none());
    let Some(order) = healthy.clone().map(|(_, one)| one.order()).min() else {
        let rest = candidates.filter_map(|one| one.health.cooling(now)).min();
        return rest.map_or(Choice::Nothing, Choice::AllCooling);
    };
    let first = healthy.filter(|(_, one)| one.order() == order);
    for measure in 0..3 {
        let share = |one: &Candidate<'_>| one.measures().get(measure).copied().flatten();
        if !first.clone().any(|(_, one)| share(&one).is_some()) {
            continue;
        }
        let shares = first.clone().map(|(index, one)| (index, share(&one).unwrap_or(0.0)));
        let total: f64 = shares.clone().map(|(_, share)| share).sum();
        let mut point = spread(turn) * total;
        let chosen = shares.filter(|(_, share)| *share > 0.0).find(|(_, share)| {
            point -= share;
            point < 0.0
        });
        if let Some((index, _)) = chosen {
            return Choice::Chosen(index);
        }
        // All shares are 0.
        break;
    }
    let count = first.clone().count();
    let mut first = first;
    first.nth(turn % count.max(1)).map_or(Choice::Nothing, |(index, _)| Choice::Chosen(index))
}

/// Points from 0 to 1, excluding 1, that consecutive turns spread evenly: multiples of the golden ratio, modulo 1. Shares
/// are met within few requests, and without chance.
fn spread(turn: usize) -> f64 {
    const GOLDEN: u32 = 0x9e37_79b9;
    let turn = u32::try_from(turn & 0xffff_ffff).unwrap_or_default();
    f64::from(turn.wrapping_mul(GOLDEN)) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::config::Config;
    use crate::gateway::upstream::router::outcome::Failure;
    use crate::gateway::upstream::router::rules::Rules;

    /// How many of 100 requests each deployment gets, if those in `cooling` cool down.
    fn chosen(entries: &[&str], cooling: &[usize]) -> Vec<usize> {
        let list = entries
            .iter()
            .map(|entry| format!("  - {{model_name: m, litellm_params: {{model: openai/m, {entry}}}}}\n"));
        let yaml = format!("model_list:\n{}", list.collect::<String>());
        let config = Config::parse("c.yaml", &yaml, ".".as_ref(), &|_| None).unwrap();
        let (rules, now) = (Rules::new(&config), Instant::now());
        let health: Vec<_> = entries.iter().map(|_| Health::new(now)).collect();
        for index in cooling {
            let limited = Failure::Answered(StatusCode::TOO_MANY_REQUESTS, None);
            health[*index].fail(limited, &rules, None, now);
        }
        let candidates = config.models.iter().zip(&health).map(|(model, health)| Candidate {
            routing: &model.deployment.as_ref().unwrap().routing,
            health,
        });
        let mut counts = vec![0; entries.len()];
        for turn in 0..100 {
            match choose(candidates.clone(), turn, now) {
                Choice::Chosen(index) => counts[index] += 1,
                Choice::AllCooling(_) | Choice::Nothing => {}
            }
        }
        counts
    }

    #[test]
    fn equal_deployments_take_turns() {
        assert_eq!(chosen(&["timeout: 1", "timeout: 2"], &[]), [50, 50]);
    }

    #[test]
    fn weights_are_shares() {
        let counts = chosen(&["weight: 9", "weight: 1", "rpm: 1000"], &[]);
        assert!((89..=91).contains(&counts[0]) && counts[2] == 0, "{counts:?}");
    }

    #[test]
    fn requests_a_minute_are_shares_where_there_are_no_weights() {
        let counts = chosen(&["rpm: 300", "rpm: 100"], &[]);
        assert!((74..=76).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn deployments_of_the_lowest_order_that_are_healthy_come_first() {
        let entries = ["order: 2", "order: 1", "timeout: 1"];
        assert_eq!(chosen(&entries, &[]), [0, 100, 0]);
        assert_eq!(chosen(&entries, &[1]), [100, 0, 0]);
        assert_eq!(chosen(&entries, &[0, 1]), [0, 0, 100]);
        assert_eq!(chosen(&entries, &[0, 1, 2]), [0, 0, 0]);
    }

    #[test]
    fn shares_of_zero_are_equal_where_nothing_else_is_left() {
        assert_eq!(chosen(&["weight: 1", "weight: 0"], &[]), [100, 0]);
        assert_eq!(chosen(&["weight: 1", "weight: 0"], &[0]), [0, 100]);
    }
}
