//! Decisions as they are made, as server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::shown::{Filter, decision};
use crate::display::escape_json;
use crate::gateway::Reloader;
use crate::gateway::admin::{ApiAnswer, state};
use crate::gateway::telemetry::{RATE, RecentDecisions};

const SECOND: Duration = Duration::from_secs(1);
/// Proxies close connections on which nothing is sent.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the newest decisions are sent. Each event by itself would wake a task for each.
const PACE: Duration = Duration::from_millis(100);

/// What a stream shows.
pub(super) struct Stream {
    pub(super) _place: OwnedSemaphorePermit,
    pub(super) decisions: Arc<RecentDecisions>,
    pub(super) reloader: Arc<Reloader>,
    pub(super) filter: Filter,
    pub(super) stopping: watch::Receiver<bool>,
}

struct State {
    stream: Stream,
    recorded: watch::Receiver<u64>,
    attempted: watch::Receiver<u64>,
    sent: u64,
    attempts: u64,
    /// The requests that were made, and those that were recorded, until the last second.
    seen_before: u64,
    recorded_before: u64,
    second: Interval,
    last_sent: Instant,
    is_new: bool,
}

/// A stream of the decisions from now on.
pub(super) fn answer(stream: Stream) -> ApiAnswer {
    let (recorded, attempted) = (stream.decisions.subscribe(), stream.reloader.subscribe());
    let (sent, attempts) = (*recorded.borrow(), *attempted.borrow());
    let mut second = tokio::time::interval(SECOND);
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = State {
        seen_before: stream.decisions.seen(),
        recorded_before: sent,
        stream,
        recorded,
        attempted,
        sent,
        attempts,
        second,
        last_sent: Instant::now(),
        is_new: true,
    };
    let frames = stream::unfold(state, |mut state| async move {
        let text = state.next().await?;
        Some((Ok(Frame::data(Bytes::from(text))), state))
    });
    let mut answer = Response::new(StreamBody::new(frames).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

impl State {
    /// The next events. `None` when the listener stops.
    async fn next(&mut self) -> Option<String> {
        // The first bytes show the client that the stream is open.
        if std::mem::take(&mut self.is_new) {
            return Some(": decisions\n\n".to_owned());
        }
        while !*self.stream.stopping.borrow() {
            let mut text = String::new();
            tokio::select! {
                changed = self.recorded.changed() => {
                    changed.ok()?;
                    self.decided(&mut text);
                    tokio::time::sleep(PACE).await;
                    // Those of the meantime.
                    self.recorded.mark_unchanged();
                    self.decided(&mut text);
                }
                changed = self.attempted.changed() => {
                    changed.ok()?;
                    self.reloaded(&mut text);
                }
                _ = self.second.tick() => self.sampled(&mut text),
                _ = self.stream.stopping.changed() => return None,
            }
            if text.is_empty() && self.last_sent.elapsed() >= KEEP_ALIVE {
                text.push_str(": still here\n\n");
            }
            if !text.is_empty() {
                self.last_sent = Instant::now();
                return Some(text);
            }
        }
        None
    }

    fn decided(&mut self, text: &mut String) {
        for recorded in self.stream.decisions.after(self.sent) {
            self.sent = recorded.number;
            if self.stream.filter.shows(&recorded.line) {
                event(text, "decision", &decision(&recorded));
            }
        }
    }

    fn reloaded(&mut self, text: &mut String) {
        for attempt in self.stream.reloader.attempts() {
            if attempt.number > self.attempts {
                self.attempts = attempt.number;
                event(text, "reload", &state::attempt(&attempt));
            }
        }
    }

    fn sampled(&mut self, text: &mut String) {
        let (seen, recorded) = (self.stream.decisions.seen(), *self.recorded.borrow());
        let made = seen.saturating_sub(std::mem::replace(&mut self.seen_before, seen));
        let kept = recorded.saturating_sub(std::mem::replace(&mut self.recorded_before, recorded));
        if made > RATE {
            event(text, "sampled", &json!({"seen": made, "sent": kept}));
        }
    }
}

/// The JSON has no line breaks, so it is one line of data.
fn event(text: &mut String, name: &str, data: &Value) {
    let data = data.to_string();
    text.push_str(&format!("event: {name}\ndata: {}\n\n", escape_json(&data)));
}
