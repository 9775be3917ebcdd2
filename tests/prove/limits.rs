//! What has no answer within its limits is undecided, and never proven.

use std::time::{Duration, Instant};

use modelgate::prove::{Claim, Invariants, Kind, Limits, Prover, Relation, Verdict};

use crate::{CONFIG, directory, prover, subject};

/// A prover whose time is over. `None` without a solver.
fn late(test: &str) -> Option<Prover> {
    prover(test)?;
    Some(Prover::new(Limits::within(Duration::ZERO)).unwrap())
}

/// Rules that no other test has, since answers are remembered.
const POLICIES: &str = r#"
@id("late-1") forbid (principal in TokenRole::"contractor", action, resource) when { context.body_bytes > 70001 };
@id("late-2") forbid (principal in TokenRole::"lead", action, resource) when { context.body_bytes > 70002 };
@id("late-3") forbid (principal in TokenRole::"lead", action, resource) when { context.body_bytes * 7 > 70003 };
"#;
const INVARIANT: &str = r#"
@invariant("no request is longer than 70004 bytes")
forbid (principal, action == Action::"use_model", resource) when { context.body_bytes > 70004 };
"#;

#[test]
fn when_the_time_is_over_every_claim_is_undecided() {
    let Some(prover) = late("when_the_time_is_over_every_claim_is_undecided") else { return };
    let config = CONFIG.replace("extra", "late");
    let invariants = Invariants::load(directory(&[("a.cedar", INVARIANT)]).path()).unwrap();
    let report = prover.prove(&subject(&config, &[("a.cedar", POLICIES)]), &invariants).unwrap();
    for kind in [Kind::NeverFails, Kind::Useful, Kind::Invariant, Kind::Translation] {
        assert!(report.claims.iter().any(|claim| claim.kind == kind), "{kind:?}: {report:#?}");
    }
    // Whether a policy of a configuration can fail may be remembered from another test.
    let is_new = |claim: &&Claim| claim.kind != Kind::NeverFails || claim.name.starts_with("late");
    for claim in report.claims.iter().filter(is_new) {
        let Verdict::Undecided(reason) = &claim.verdict else { panic!("{claim}") };
        let expected = "the time for all questions was over (each may be answered within 0 ms)";
        assert_eq!(reason, expected, "{claim}");
    }
}

#[test]
fn when_the_time_is_over_a_comparison_is_undecided_unless_the_rules_are_the_same() {
    let test = "when_the_time_is_over_a_comparison_is_undecided_unless_the_rules_are_the_same";
    let Some(prover) = late(test) else { return };
    let of = |policies: &str| subject(CONFIG, &[("a.cedar", policies)]);
    let other = POLICIES.replace("70001", "80001");
    let compared = prover.compare(&of(POLICIES), &of(&other)).unwrap();
    assert!(matches!(compared.gained, Verdict::Undecided(_)), "{compared:#?}");
    assert!(matches!(compared.lost, Verdict::Undecided(_)), "{compared:#?}");
    assert_eq!(prover.compare(&of(POLICIES), &of(POLICIES)).unwrap().relation(), Relation::Equivalent);
}

#[test]
fn many_rules_that_are_hard_to_tell_apart_end_soon_after_their_time() {
    let Some(_) = prover("many_rules_that_are_hard_to_tell_apart_end_soon_after_their_time") else { return };
    // For each rule, two others forbid all that it forbids.
    let policy = |i: usize| {
        format!(
            "forbid (principal, action, resource) unless {{ context has source && context.source.isInRange(ip(\"10.{}.{}.0/24\")) }};\n",
            i / 200,
            i % 200
        )
    };
    let policies: String = (0..400).map(policy).collect();
    let rules = subject(CONFIG, &[("a.cedar", &policies)]);
    let budget = Duration::from_secs(2);
    let prover = Prover::new(Limits::within(budget)).unwrap();
    let begun = Instant::now();
    let report = prover.prove(&rules, &Invariants::default()).unwrap();
    // A machine that is busy with other tests is given ten times as long.
    assert!(begun.elapsed() < 10 * budget + Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(report.undecided().count() > 0);
    assert!(report.violated().all(|claim| claim.kind == Kind::Useful), "{report:#?}");
}
