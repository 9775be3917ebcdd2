//! Records keys that have no effect.

use std::collections::HashMap;

use crate::config::effect::{Effect, Ignored};
use crate::config::yaml::tree::Span;

/// An ignored key, as recorded while the file is read.
pub(in crate::config) struct Finding {
    pub(in crate::config) key: String,
    pub(in crate::config) span: Span,
    pub(in crate::config) effect: Effect,
    pub(in crate::config) reason: &'static str,
}

/// Returns one entry for each key, sorted by effect, the most important first, and then by key.
pub(in crate::config) fn summarize(findings: Vec<Finding>) -> Vec<Ignored> {
    let mut summary: Vec<Ignored> = Vec::new();
    let mut by_key = HashMap::new();
    for Finding { key, span, effect, reason } in findings {
        let at = *by_key.entry(key.clone()).or_insert(summary.len());
        match summary.get_mut(at) {
            Some(known) => {
                known.count += 1;
                if effect > known.effect {
                    (known.effect, known.reason) = (effect, reason);
                }
            }
            None => summary.push(Ignored { key, line: span.line, count: 1, effect, reason }),
        }
    }
    summary.sort_by(|a, b| b.effect.cmp(&a.effect).then_with(|| a.key.cmp(&b.key)));
    summary
}
