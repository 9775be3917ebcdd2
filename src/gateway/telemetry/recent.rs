//! The newest decisions, in memory, for operators who watch.
//!
//! A request asks [`RecentDecisions::wants`] when it begins, which costs one atomic addition. At most [`RATE`] requests a second
//! are recorded, so that the cost of a request does not depend on who watches.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::config::Masked;
use crate::decision_log::{Line, Mask, Verdict};

/// The maximum number of decisions that are recorded in a second.
pub(crate) const RATE: u64 = 200;
/// The maximum number of decisions that are kept.
const MOST: usize = 10_000;
/// The maximum size of the decisions that are kept.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// The maximum number of models whose denials are counted by name.
const MOST_MODELS: usize = 200;
/// An estimate of the size of the input of a decision, which is only kept if the decision log is replayable.
const INPUT_BYTES: usize = 8 * 1024;

/// The newest decisions.
#[derive(Debug)]
pub(crate) struct RecentDecisions {
    began: Instant,
    seen: AtomicU64,
    /// The current second, and the number of requests before it.
    second: AtomicU64,
    before: AtomicU64,
    kept: Mutex<Kept>,
    recorded: watch::Sender<u64>,
}

/// A recorded decision, masked as the decision log masks.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// Its number, from 1.
    pub(crate) number: u64,
    pub(crate) line: Line,
    /// The time from the arrival of the request to the beginning of its answer.
    pub(crate) latency: Duration,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    mask: Mask,
    decisions: VecDeque<Arc<Recorded>>,
    bytes: usize,
    number: u64,
    denied_models: HashMap<String, u64>,
}

impl RecentDecisions {
    pub(super) fn new(mask: &[Masked]) -> Self {
        let kept = Kept {
            mask: Mask::new(mask),
            decisions: VecDeque::new(),
            bytes: 0,
            number: 0,
            denied_models: HashMap::new(),
        };
        Self {
            began: Instant::now(),
            seen: AtomicU64::new(0),
            second: AtomicU64::new(0),
            before: AtomicU64::new(0),
            kept: Mutex::new(kept),
            recorded: watch::Sender::new(0),
        }
    }

    /// Whether to record a request that begins now. Two requests that begin a second at the same time may both count as its
    /// first, so some more than [`RATE`] may be recorded.
    pub(super) fn wants(&self, now: Instant) -> bool {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        let second = now.saturating_duration_since(self.began).as_secs();
        if self.second.load(Ordering::Relaxed) != second {
            self.second.store(second, Ordering::Relaxed);
            self.before.store(seen, Ordering::Relaxed);
        }
        seen.saturating_sub(self.before.load(Ordering::Relaxed)) < RATE
    }

    /// Records a decision.
    pub(super) fn record(&self, mut line: Line, latency: Duration) {
        let mut kept = self.kept();
        kept.mask.apply(&mut line);
        if line.verdict == Verdict::Denied {
            for model in &line.models {
                kept.deny(model);
            }
        }
        kept.number += 1;
        let (number, bytes) = (kept.number, size(&line));
        kept.bytes += bytes;
        kept.decisions.push_back(Arc::new(Recorded { number, line, latency, bytes }));
        while kept.decisions.len() > MOST || kept.bytes > MOST_BYTES {
            let Some(oldest) = kept.decisions.pop_front() else { break };
            kept.bytes = kept.bytes.saturating_sub(oldest.bytes);
        }
        drop(kept);
        self.recorded.send_replace(number);
    }

    /// The number of requests since the start.
    pub(crate) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// The number of the newest decision, which changes with each.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.recorded.subscribe()
    }

    /// The decisions with a number below `before`, newest first.
    pub(crate) fn before(&self, before: u64) -> Vec<Arc<Recorded>> {
        let kept = self.kept();
        kept.decisions.iter().rev().filter(|recorded| recorded.number < before).cloned().collect()
    }

    /// The decisions with a number above `after`, oldest first.
    pub(crate) fn after(&self, after: u64) -> Vec<Arc<Recorded>> {
        let kept = self.kept();
        let first = kept.decisions.partition_point(|recorded| recorded.number <= after);
        kept.decisions.range(first..).cloned().collect()
    }

    /// The newest decision about a request with this id.
    pub(crate) fn find(&self, request_id: &str) -> Option<Arc<Recorded>> {
        self.kept().decisions.iter().rev().find(|recorded| recorded.line.request_id == request_id).cloned()
    }

    /// The recorded denials by model since the last call.
    pub(crate) fn take_denied_models(&self) -> HashMap<String, u64> {
        std::mem::take(&mut self.kept().denied_models)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Callers choose the names of models, so only some are counted.
    fn deny(&mut self, model: &str) {
        if let Some(count) = self.denied_models.get_mut(model) {
            *count += 1;
        } else if self.denied_models.len() < MOST_MODELS {
            self.denied_models.insert(model.to_owned(), 1);
        }
    }
}

/// The approximate size of a line.
fn size(line: &Line) -> usize {
    let caller = line.caller.iter().flat_map(|caller| {
        let one = [&caller.subject, &caller.issuer, &caller.user_id, &caller.team].into_iter().flatten();
        one.chain(&caller.teams)
    });
    let texts = [&line.request_id, &line.method, &line.route].into_iter().chain(&line.models).chain(caller);
    let texts: usize = texts.map(|text| text.len() + size_of::<String>()).sum();
    size_of::<Recorded>() + texts + if line.input.is_some() { INPUT_BYTES } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn line(request_id: &str, models: &[String]) -> Line {
        let text = r#"{"time":"2026-01-01T00:00:00Z","request_id":"","verdict":"denied","policies":[],"shadow":[],
            "generation":1,"method":"POST","route":"/v1/chat/completions","models":[]}"#;
        let line: Line = serde_json::from_str(text).unwrap();
        Line { time: SystemTime::now(), request_id: request_id.to_owned(), models: models.to_vec(), ..line }
    }

    #[test]
    fn at_most_the_rate_is_recorded_in_a_second() {
        let recent = RecentDecisions::new(&[]);
        let wanted = |second: u64, requests: u64| {
            let now = recent.began + Duration::from_secs(second);
            (0..requests).filter(|_| recent.wants(now)).count() as u64
        };
        assert_eq!(wanted(0, 150), 150);
        assert_eq!(wanted(0, 150), RATE - 150);
        assert_eq!(wanted(1, 1000), RATE);
        assert_eq!(wanted(5, 20), 20);
        assert_eq!(recent.seen(), 1320);
    }

    #[test]
    fn memory_is_bounded_by_number_and_by_size() {
        let recent = RecentDecisions::new(&[]);
        for _ in 0..MOST + 5 {
            recent.record(line("a", &[]), Duration::ZERO);
        }
        assert_eq!(recent.after(0).len(), MOST);
        assert_eq!(recent.after(0).first().map(|first| first.number), Some(6));
        let models: Vec<String> = (0..64).map(|i| format!("{i}{}", "x".repeat(500))).collect();
        for _ in 0..2000 {
            recent.record(line("b", &models), Duration::ZERO);
        }
        assert!(recent.kept().bytes <= MOST_BYTES);
        assert!(recent.after(0).len() < 1100);
        assert_eq!(recent.take_denied_models().len(), 64);
    }

    #[test]
    fn decisions_are_found_by_number_and_by_id() {
        let recent = RecentDecisions::new(&[Masked::Models]);
        for id in ["a", "b", "c"] {
            recent.record(line(id, &["gpt-4o".to_owned()]), Duration::ZERO);
        }
        let ids = |found: Vec<Arc<Recorded>>| -> Vec<String> {
            found.iter().map(|recorded| recorded.line.request_id.clone()).collect()
        };
        assert_eq!(ids(recent.before(u64::MAX)), ["c", "b", "a"]);
        assert_eq!(ids(recent.before(3)), ["b", "a"]);
        assert_eq!(ids(recent.after(1)), ["b", "c"]);
        assert_eq!(recent.find("b").map(|found| found.number), Some(2));
        assert!(recent.find("d").is_none());
        assert_eq!(recent.find("a").map(|found| found.line.models.clone()), Some(vec!["***".to_owned()]));
        assert_eq!(recent.take_denied_models(), HashMap::from([("***".to_owned(), 3)]));
    }
}
