//! Determines how long a judgment is valid: until the rules change or the token expires.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

use super::clock::Timestamp;
use super::http::send_gate::Gate;
use super::loading::generation::Generation;

/// The active configuration, shared by everything that checks whether a judgment is still valid.
pub(super) type Active = Arc<ArcSwap<Generation>>;

/// The generation that judged a request, and the expiry of its token.
#[derive(Clone)]
pub(super) struct Judged {
    pub(super) generation: Arc<Generation>,
    /// Seconds since 1970, including leeway; infinite if the token has no expiry.
    pub(super) expires: f64,
}

impl Judged {
    /// Whether the same rules would still accept the token at `now`.
    pub(super) fn counts(&self, active: &ArcSwap<Generation>, now: SystemTime) -> bool {
        // With a clock before 1970, no token is known to be valid.
        let now = now.duration_since(UNIX_EPOCH).map_or(f64::INFINITY, |since| since.as_secs_f64());
        // This `Arc` keeps its configuration in memory, so no other configuration can have the same address.
        now < self.expires && std::ptr::eq(Arc::as_ptr(&active.load()), Arc::as_ptr(&self.generation))
    }
}

/// A check that passes a request while its judgment is valid, and a flag that records a failed check.
pub(super) fn gate(active: &Active, judged: &Judged) -> (Gate, Arc<AtomicBool>) {
    let shut = Arc::new(AtomicBool::new(false));
    let (active, judged, noted) = (Arc::clone(active), judged.clone(), Arc::clone(&shut));
    let may_be_sent = move || {
        let counts = judged.counts(&active, Timestamp::now().wall);
        noted.store(!counts, Ordering::Release);
        counts
    };
    (Gate::new(may_be_sent), shut)
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use bytes::Bytes;
    use hyper::body::Body as _;

    use super::*;
    use crate::config::Config;
    use crate::engine::Snapshot;
    use crate::gateway::http::segmented_body::SegmentedBody;

    fn generation() -> Generation {
        let yaml = "general_settings: {master_key: sk-1}\nmodel_list: []\n";
        let config = Config::parse("c.yaml", yaml, ".".as_ref(), &|_| None).unwrap();
        Generation::new(Snapshot::build(config).unwrap(), None)
    }

    /// Whether a body is sent, and whether the flag records a failed check.
    fn sent(active: &Active, judged: &Judged) -> (bool, bool) {
        let (gate, shut) = gate(active, judged);
        let mut body = SegmentedBody::of([Bytes::from_static(b"a")]).behind(gate);
        let polled = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
        (matches!(polled, Poll::Ready(Some(Ok(_)))), shut.load(Ordering::Acquire))
    }

    #[test]
    fn a_gate_lets_nothing_through_once_the_rules_changed_or_the_token_ended() {
        let active = Arc::new(ArcSwap::from_pointee(generation()));
        let judged = |expires| Judged { generation: active.load_full(), expires };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let (endless, ended) = (judged(f64::INFINITY), judged(now - 1.0));
        assert_eq!(sent(&active, &endless), (true, false));
        assert_eq!(sent(&active, &judged(now + 60.0)), (true, false));
        assert_eq!(sent(&active, &ended), (false, true));
        active.store(Arc::new(generation()));
        assert_eq!(sent(&active, &endless), (false, true));
    }
}
