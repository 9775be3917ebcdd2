//! The translation is exact: the generated policies grant what the configuration says.
//!
//! What the configuration says is written from the rules, without the translation (`encode::said`).

use super::task::{ASKED, Solver, Task};
use crate::dropins::DropIns;
use crate::prove::ProveError;
use crate::prove::encode::{Question, Side};
use crate::prove::formula::{all, any, not};
use crate::prove::report::{Claim, Kind, Verdict};
use crate::prove::scenario::Scenario;
use crate::prove::space::{Known, Space};
use crate::prove::subject::{Subject, enforced};

/// Asks whether the policies of a configuration and its rules agree about every request.
pub(in crate::prove) fn translation(subject: &Subject, solver: &Solver) -> Result<Vec<Claim>, ProveError> {
    // Files of operators add to the rules, so the configuration is looked at alone.
    let alone = Subject::new(subject.config.clone(), DropIns::default())?;
    agree(&alone, solver)
}

/// A claim, and what a request shows that it is false of.
const CLAIMS: [(Question, bool, &str, &str); 4] = [
    (
        Question::Route,
        true,
        "call_route: nothing more",
        "the policies allow the route of this request, and the configuration does not",
    ),
    (
        Question::Route,
        false,
        "call_route: nothing less",
        "the configuration allows the route of this request, and the policies do not",
    ),
    (
        Question::Model,
        true,
        "use_model: nothing more",
        "the policies allow the model of this request, and the configuration does not",
    ),
    (
        Question::Model,
        false,
        "use_model: nothing less",
        "the configuration allows the model of this request, and the policies do not",
    ),
];

/// How easily an operator reads the requests that are asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Style {
    Any,
    /// Nothing about the use of the model, the time or the place is unusual.
    Plain,
    /// The token has no more names than one in each claim, too.
    Plainest,
}

/// Asks whether the policies in force and the rules of the configuration agree.
fn agree(subject: &Subject, solver: &Solver) -> Result<Vec<Claim>, ProveError> {
    let snapshot = &subject.snapshot;
    let space = Space::of_rules(Side::first(snapshot), enforced(snapshot)?)?;
    let known = Known::new(&space);
    let tasks = |style: Style| {
        let task = |(question, is_more, ..): &(Question, bool, &str, &str)| {
            task(subject, &known, *question, *is_more, style)
        };
        CLAIMS.iter().map(task).collect::<Vec<_>>()
    };
    // One question about all claims is answered faster than each of them. Nearly always, they are proven.
    let joint = solver.settle(&known, &[disagree(subject, &known)])?;
    let mut verdicts = match &*joint {
        [Verdict::Proven] => vec![Verdict::Proven; CLAIMS.len()],
        _ => solver.settle(&known, &tasks(Style::Any))?,
    };
    let is_shown = |verdict: &Verdict| matches!(verdict, Verdict::Violated { .. });
    if verdicts.iter().any(is_shown) {
        // The solver fills in what does not matter. It is asked again for a request that an operator reads easily.
        for style in [Style::Plain, Style::Plainest] {
            let plainer = solver.settle(&known, &tasks(style))?;
            for (verdict, plainer) in verdicts.iter_mut().zip(plainer) {
                if is_shown(verdict) && is_shown(&plainer) {
                    *verdict = plainer;
                }
            }
        }
    }
    let claims = CLAIMS.iter().zip(verdicts).map(|((_, _, name, opposite), verdict)| Claim {
        kind: Kind::Translation,
        name: (*name).to_owned(),
        place: Some(subject.config.file.clone()),
        verdict: match verdict {
            Verdict::Violated { counterexample, .. } => {
                Verdict::Violated { reason: Some((*opposite).to_owned()), counterexample }
            }
            other => other,
        },
        because: Vec::new(),
    });
    Ok(claims.collect())
}

/// Finds a request that makes one of the claims false.
fn disagree<'t>(subject: &'t Subject, known: &'t Known<'_>) -> Task<'t> {
    let policies = known.space.policies.first().map(Vec::as_slice).unwrap_or_default();
    let mut task = Task::existence(&subject.snapshot);
    for variant in [false, true] {
        task.formulas.push((
            variant,
            Box::new(move |requests| {
                let world = requests.side(0)?;
                let mut ways = Vec::new();
                for (question, _) in ASKED.into_iter().filter(|(_, asked)| *asked == variant) {
                    let (granted, said) = (world.permits(policies, question), world.said(question)?);
                    ways.push(all(&[granted.clone(), not(said.clone())]));
                    ways.push(all(&[said, not(granted)]));
                }
                Ok(all(&[world.accepts()?, any(&ways)]))
            }),
        ));
    }
    task
}

/// Finds a request that the policies answer otherwise than the configuration. The engine confirms the answer of the policies.
fn task<'t>(
    subject: &'t Subject,
    known: &'t Known<'_>,
    question: Question,
    is_more: bool,
    style: Style,
) -> Task<'t> {
    let policies = known.space.policies.first().map(Vec::as_slice).unwrap_or_default();
    let at = usize::from(question == Question::Model);
    let mut task = Task {
        needs_request: true,
        shows: Box::new(move |scenario: &Scenario| {
            let answers = scenario.answers(&subject.snapshot);
            answers.and_then(|answers| answers.get(at).copied()) == Some(is_more)
        }),
        ..Task::existence(&subject.snapshot)
    };
    for (_, variant) in ASKED.into_iter().filter(|(asked, _)| *asked == question) {
        task.formulas.push((
            variant,
            Box::new(move |requests| {
                let world = requests.side(0)?;
                let granted = world.permits(policies, question);
                let said = world.said(question)?;
                let [yes, no] = if is_more { [granted, said] } else { [said, granted] };
                let mut parts = vec![world.accepts()?, yes, not(no)];
                if style >= Style::Plain {
                    parts.push(world.plain()?);
                    // A request that is denied for its route alone would distract from its model.
                    parts.extend(
                        (question == Question::Model).then(|| world.permits(policies, Question::Route)),
                    );
                }
                if style == Style::Plainest {
                    parts.push(world.with_one_name()?);
                }
                Ok(all(&parts))
            }),
        ));
    }
    task
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::prove::solve::{Kept, Limits, Program};

    const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small], routes: [/v1/chat/completions, /v1/models]}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
";

    /// The claims if the translation had made this policy, too. `None` without a solver.
    fn with(test: &str, policy: &str) -> Option<Vec<Claim>> {
        let Ok(program) = Program::find() else {
            assert!(std::env::var_os("MODELGATE_SKIP_NOTHING").is_none(), "`{test}` needs cvc5");
            return None;
        };
        let limits = Limits { time: std::time::Duration::from_secs(120), ..Limits::default() };
        let config = Config::parse("config.yaml", CONFIG, ".".as_ref(), &|_| None).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("wrong.cedar"), policy).unwrap();
        let subject = Subject::new(config, DropIns::load(directory.path()).unwrap()).unwrap();
        Some(agree(&subject, &Solver { program, limits, cache: None, kept: Kept::default() }).unwrap())
    }

    /// The claims that are not proven.
    fn wrong(claims: &[Claim]) -> Vec<String> {
        let wrong = claims.iter().filter(|claim| !matches!(claim.verdict, Verdict::Proven));
        wrong.map(ToString::to_string).collect()
    }

    #[test]
    fn a_policy_that_allows_more_than_the_configuration_is_shown_with_a_request() {
        let test = "a_policy_that_allows_more_than_the_configuration_is_shown_with_a_request";
        let policy = r#"permit (principal in Role::"internal_user", action == Action::"use_model", resource)
                        when { context.stream };"#;
        let Some(claims) = with(test, policy) else { return };
        let [wrong] = &*wrong(&claims) else { panic!("{claims:#?}") };
        for part in [
            "✗ `use_model: nothing more` [config.yaml]: the policies allow the model of this request",
            r#""roles":["basic_user"]"#,
            ": POST /v1/",
            "`, stream true, on Monday, 2026-01-05T12:00:00Z\n    allowed\n",
            "by wrong",
        ] {
            assert!(wrong.contains(part), "{wrong}");
        }
    }

    #[test]
    fn a_policy_that_denies_what_the_configuration_allows_is_shown_with_a_request() {
        let test = "a_policy_that_denies_what_the_configuration_allows_is_shown_with_a_request";
        let policy =
            r#"forbid (principal, action == Action::"call_route", resource == Route::"/v1/models");"#;
        let Some(claims) = with(test, policy) else { return };
        let [wrong] = &*wrong(&claims) else { panic!("{claims:#?}") };
        for part in [
            "✗ `call_route: nothing less` [config.yaml]: the configuration allows the route of this request",
            "/v1/models",
            "denied by policy",
        ] {
            assert!(wrong.contains(part), "{wrong}");
        }
    }
}
