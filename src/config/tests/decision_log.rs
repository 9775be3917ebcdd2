//! `modelgate.decision_log`.

use std::path::Path;

use super::{parse, problems};
use crate::config::{DecisionLog, Masked};

fn with(block: &str) -> String {
    format!("modelgate:\n  decision_log: {{{block}}}\n")
}

fn parsed(block: &str) -> DecisionLog {
    parse(&with(block)).unwrap().gateway.decision_log.unwrap()
}

#[test]
fn without_the_block_nothing_is_logged() {
    assert_eq!(parse("modelgate: {}").unwrap().gateway.decision_log, None);
}

#[test]
fn a_file_is_relative_to_the_configuration_and_the_rest_has_defaults() {
    let log = parsed("file: log/decisions.jsonl");
    assert_eq!(log.file.as_deref(), Some(Path::new("/etc/log/decisions.jsonl")));
    assert_eq!((log.max_bytes, log.keep, log.sample_allowed), (100 << 20, 10, 1.0));
    assert!(!log.stdout && !log.chain && !log.replayable && log.mask.is_empty());
}

#[test]
fn a_log_that_goes_nowhere_is_refused() {
    let help = "set `file`, or `stdout: true` for standard output";
    assert_eq!(problems(&with("chain: true")), [format!("2:3 `decision_log` needs `file` | {help}")]);
}

#[test]
fn numbers_have_limits() {
    assert_eq!(
        problems(&with("stdout: true, max_bytes: 5, keep: 1001, sample_allowed: 1.5")),
        [
            "2:43 `max_bytes` must be from 4096 to 1099511627776",
            "2:52 `keep` must be from 0 to 1000",
            "2:74 `sample_allowed` must be from 0 to 1",
        ]
    );
}

#[test]
fn fields_and_claims_can_be_masked() {
    let mask = parsed("stdout: true, mask: [caller.subject, input.claims.a.b]").mask;
    assert_eq!(mask, [Masked::Subject, Masked::Claim("a.b".parse().unwrap())]);
}

#[test]
fn an_unknown_mask_is_refused_with_what_may_be_meant() {
    let found = problems(&with("stdout: true, mask: [caller.subjects, verdict, input.claims.]"));
    assert_eq!(
        found[0],
        "2:39 `caller.subjects` is not a field that can be masked | did you mean `caller.subject`?"
    );
    assert!(
        found[1]
            .starts_with("2:56 `verdict` is not a field that can be masked | the fields are `request_id`")
    );
    assert!(found[2].starts_with("2:65 `` is not a claim path"), "{found:?}");
}
