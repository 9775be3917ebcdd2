//! `modelgate.decision_log`.

use std::ops::RangeInclusive;
use std::path::Path;

use crate::config::problem::Problem;
use crate::config::raw;
use crate::config::settings::context::Context;
use crate::config::settings::types::{DecisionLog, Masked};
use crate::config::suggest::{list, nearest};

const PATH: &str = "modelgate.decision_log";
const CLAIMS: &str = "input.claims.";
const MASKS: [(&str, Masked); 10] = [
    ("request_id", Masked::RequestId),
    ("caller.subject", Masked::Subject),
    ("caller.issuer", Masked::Issuer),
    ("caller.user_id", Masked::UserId),
    ("caller.team", Masked::Team),
    ("caller.teams", Masked::Teams),
    ("route", Masked::Route),
    ("models", Masked::Models),
    ("input.source", Masked::Source),
    ("input.team_header", Masked::TeamHeader),
];

const DEFAULT_BYTES: u64 = 100 * 1024 * 1024;
const BYTES: RangeInclusive<u64> = 4 * 1024..=1 << 40;
const DEFAULT_KEPT: u64 = 10;
const KEPT: RangeInclusive<u64> = 0..=1000;

/// `None` when it is refused.
pub(in crate::config) fn settings(
    cx: &mut Context<'_>,
    block: raw::DecisionLog,
    directory: &Path,
) -> Option<DecisionLog> {
    let raw::DecisionLog { stdout, file, max_bytes, keep, sample_allowed, mask, chain, replayable } = block;
    if file.is_none() && !stdout {
        let help = "set `file`, or `stdout: true` for standard output";
        cx.refuse_key(PATH, Problem::Needs { key: "decision_log", other: "file", help });
        return None;
    }
    if let Some(file) = &file {
        cx.not_empty(&format!("{PATH}.file"), file);
    }
    let sample_allowed = sample_allowed.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&sample_allowed) {
        refuse(cx, "sample_allowed", "from 0 to 1".to_owned());
    }
    Some(DecisionLog {
        stdout,
        file: file.map(|file| directory.join(file)),
        max_bytes: whole(cx, "max_bytes", max_bytes.unwrap_or(DEFAULT_BYTES), BYTES),
        keep: u32::try_from(whole(cx, "keep", keep.unwrap_or(DEFAULT_KEPT), KEPT)).unwrap_or(u32::MAX),
        sample_allowed,
        mask: masks(cx, mask.unwrap_or_default()),
        chain,
        replayable,
    })
}

fn whole(cx: &mut Context<'_>, key: &str, value: u64, range: RangeInclusive<u64>) -> u64 {
    if !range.contains(&value) {
        refuse(cx, key, format!("from {} to {}", range.start(), range.end()));
    }
    value
}

fn refuse(cx: &mut Context<'_>, key: &str, range: String) {
    cx.refuse(&format!("{PATH}.{key}"), Problem::OutOfRange { key: key.to_owned(), range });
}

fn masks(cx: &mut Context<'_>, names: Vec<String>) -> Vec<Masked> {
    let names = names.into_iter().enumerate();
    names.filter_map(|(i, name)| mask(cx, &format!("{PATH}.mask[{i}]"), &name)).collect()
}

fn mask(cx: &mut Context<'_>, path: &str, name: &str) -> Option<Masked> {
    if let Some(claim) = name.strip_prefix(CLAIMS) {
        return cx.claim_path(path, Some(vec![claim.to_owned()])).map(Masked::Claim);
    }
    let known = MASKS.iter().find(|(known, _)| *known == name);
    if known.is_none() {
        let names = || MASKS.iter().map(|(name, _)| *name);
        let help = nearest(name, names()).map_or_else(
            || {
                format!(
                    "the fields are {}, and `{CLAIMS}NAME` for a claim",
                    list(&names().collect::<Vec<_>>())
                )
            },
            |near| format!("did you mean `{near}`?"),
        );
        cx.refuse(path, Problem::UnknownMask { field: name.to_owned(), help });
    }
    known.map(|(_, mask)| mask.clone())
}
