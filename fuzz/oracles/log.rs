//! A chain of lines verifies as it was written: every change of one byte is detected. A log line does not change when
//! it is parsed and written again.
//!
//! An input has two bytes that choose the position of a change, a byte that is the change, and lines.

use modelgate::decision_log::{Chain, Line, LinkError};

const MAX_LEN: usize = 4 * 1024;
const MAX_LINES: usize = 8;

pub(crate) fn check(data: &[u8]) {
    let Some(([high, low, how], text)) = data.split_first_chunk::<3>() else { return };
    if data.len() > MAX_LEN {
        return;
    }
    let lines: Vec<&[u8]> =
        text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(MAX_LINES).collect();
    for line in lines.iter().copied() {
        check_line(line);
    }
    let mut chain = Chain::default();
    let mut log = Vec::new();
    for line in lines.iter().copied() {
        let mut sealed = line.to_vec();
        chain.seal(&mut sealed);
        assert!(sealed.starts_with(line.strip_suffix(b"}").unwrap_or(line)), "sealing changes the line");
        log.extend(sealed);
        log.push(b'\n');
    }
    assert_eq!(last_hash(&log), Ok(chain.head().to_owned()), "a chain does not follow itself");

    let mut changed = log.clone();
    let at = usize::from(u16::from_be_bytes([*high, *low])).checked_rem(log.len()).unwrap_or_default();
    if let Some(byte) = changed.get_mut(at).filter(|_| *how != 0) {
        *byte ^= how;
        assert!(last_hash(&changed).is_err(), "byte {at} was changed by {how}");
    }
    for lost in 0..lines.len().saturating_sub(1) {
        let kept = log.split_inclusive(|byte| *byte == b'\n').enumerate().filter(|(i, _)| *i != lost);
        let kept: Vec<u8> = kept.flat_map(|(_, line)| line.to_vec()).collect();
        // Older files may be deleted, so a chain may begin later.
        assert_eq!(last_hash(&kept).is_ok(), lost == 0, "line {lost} is gone");
    }
}

/// The hash of the last line, computed as `verify-log` does for a file.
fn last_hash(log: &[u8]) -> Result<String, LinkError> {
    let mut chain = Chain::default();
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        chain.follow(line.strip_suffix(b"\n").unwrap_or(line))?;
    }
    Ok(chain.head().to_owned())
}

fn check_line(line: &[u8]) {
    let Ok(read) = serde_json::from_slice::<Line>(line) else { return };
    let written = serde_json::to_string(&read).expect("what was read can be written");
    // A time beyond the year 9999 has more digits than RFC 3339 gives a year.
    let Ok(again) = serde_json::from_str::<Line>(&written) else {
        assert!(
            written.contains("\"+1") || written.contains("\"-"),
            "what was written cannot be read: {written}"
        );
        return;
    };
    assert_eq!(serde_json::to_string(&again).ok(), Some(written), "one line is written in two ways");
    assert_eq!((again.verdict, &again.rule, &again.policies), (read.verdict, &read.rule, &read.policies));
    assert_eq!((&again.caller, &again.models, &again.route), (&read.caller, &read.models, &read.route));
}
