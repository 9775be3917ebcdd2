//! The translation is exact: the generated policies grant what the configuration says.
//!
//! What the configuration says is written from the rules, without the translation (`encode::said`).

use super::task::{ASKED, Solver, Task};
use crate::dropins::DropIns;
use crate::prove::ProveError;
use crate::prove::encode::{Question, Side};
use crate::prove::formula::{all, not};
use crate::prove::report::{Claim, Kind, Verdict};
use crate::prove::space::{Known, Space};
use crate::prove::subject::{Subject, enforced};

/// Asks whether the policies of a configuration and its rules agree about every request.
pub(in crate::prove) fn translation(subject: &Subject, solver: &Solver) -> Result<Vec<Claim>, ProveError> {
    // Files of operators add to the rules, so the configuration is looked at alone.
    let alone = Subject::new(subject.config.clone(), DropIns::default())?;
    let space = Space::new(vec![Side::first(&alone.snapshot)], vec![enforced(&alone.snapshot)?], &[])?;
    let known = Known::new(&space);
    let names = [
        "call_route: nothing more",
        "call_route: nothing less",
        "use_model: nothing more",
        "use_model: nothing less",
    ];
    let mut tasks = Vec::new();
    for question in Question::ALL {
        for is_more in [true, false] {
            tasks.push(task(&alone, &known, question, is_more));
        }
    }
    let verdicts = solver.settle(&known, &tasks)?;
    let claim = |(name, verdict): (&str, Verdict)| Claim {
        kind: Kind::Translation,
        name: name.to_owned(),
        place: Some(subject.config.file.clone()),
        verdict,
    };
    Ok(names.into_iter().zip(verdicts).map(claim).collect())
}

fn task<'t>(subject: &'t Subject, known: &'t Known<'_>, question: Question, is_more: bool) -> Task<'t> {
    let policies = known.space.policies.first().map(Vec::as_slice).unwrap_or_default();
    let mut task = Task::existence(&subject.snapshot);
    for (_, variant) in ASKED.into_iter().filter(|(asked, _)| *asked == question) {
        task.formulas.push((
            variant,
            Box::new(move |requests| {
                let granted = requests.side(0)?.permits(policies, question);
                let said = requests.side(0)?.said(question)?;
                let [yes, no] = if is_more { [granted, said] } else { [said, granted] };
                Ok(all(&[requests.side(0)?.accepts()?, yes, not(no)]))
            }),
        ));
    }
    task
}
