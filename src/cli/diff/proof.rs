//! `modelgate diff --prove`: the comparison by a solver, over all requests.

use serde_json::{Value, json};

use super::super::prove::counterexample_of;
use super::super::{Exit, Format};
use super::side::Side;
use crate::display::escape;
use crate::prove::{Comparison, Prover, Relation, Subject, Verdict};

pub(super) fn run(prover: &Prover, format: Format, [old, new]: [Side; 2]) -> miette::Result<Exit> {
    let comparison = compare(prover, [old, new])?;
    match format {
        Format::Text => super::super::say(render(&comparison)),
        Format::Json => super::super::say_json(&of(&comparison)),
    }
    Ok(match comparison.relation() {
        Relation::Equivalent => Exit::Yes,
        Relation::Undecided => Exit::Undecided,
        _ => Exit::Changed,
    })
}

/// The comparison as JSON.
pub(in crate::cli) fn to_json(prover: &Prover, sides: [Side; 2]) -> miette::Result<Value> {
    compare(prover, sides).map(|comparison| of(&comparison))
}

fn compare(prover: &Prover, sides: [Side; 2]) -> miette::Result<Comparison> {
    let [old, new] = sides.map(|side| Subject::new(side.config, side.dropins));
    Ok(prover.compare(&old?, &new?)?)
}

fn render(comparison: &Comparison) -> String {
    let mut text = match comparison.relation() {
        Relation::Equivalent => {
            "equivalent: the new rules allow exactly the requests that the old ones allow\n"
        }
        Relation::Narrower => "narrower: the new rules allow nothing that the old ones deny, and less\n",
        Relation::Wider => "wider: the new rules allow everything that the old ones allow, and more\n",
        Relation::Neither => "neither: each side allows requests that the other denies\n",
        _ => "undecided\n",
    }
    .to_owned();
    for (verdict, what) in [(&comparison.gained, "newly allowed"), (&comparison.lost, "no longer allowed")] {
        match verdict {
            Verdict::Violated { counterexample: Some(found), .. } => {
                text.push_str(&format!("{what}:\n{found}\n"));
            }
            Verdict::Undecided(reason) => text.push_str(&format!("{what}: undecided: {}\n", escape(reason))),
            _ => {}
        }
    }
    text + &format!("by {}\n", escape(&comparison.solver))
}

fn of(comparison: &Comparison) -> Value {
    let direction = |verdict: &Verdict| match verdict {
        Verdict::Violated { counterexample, .. } => {
            json!({"possible": true, "counterexample": counterexample.as_deref().map(counterexample_of)})
        }
        Verdict::Undecided(reason) => json!({"possible": null, "reason": reason}),
        _ => json!({"possible": false}),
    };
    json!({
        "relation": comparison.relation().as_str(),
        "newly_allowed": direction(&comparison.gained),
        "no_longer_allowed": direction(&comparison.lost),
        "solver": comparison.solver,
    })
}
