//! `decisions`: the newest decisions, as a page or as a stream.
//!
//! Input: a request with filters. Output: decisions as the decision log would show them. `shown` has
//! the filters and the form of a decision, `stream` sends them as they are made.

mod shown;
mod stream;

use std::sync::Arc;

use http::header::ACCEPT;
use http::request::Parts;
use serde_json::{Value, json};

use super::Api;
use super::answer::{ApiError, Query, json_answer};
use crate::gateway::admin::{ApiAnswer, ApiRequest};
use shown::{Filter, decision};

impl Api {
    /// The newest decisions, as a page or as a stream.
    pub(super) fn recent_decisions(&self, request: ApiRequest) -> Result<ApiAnswer, ApiError> {
        let known = ["limit", "before", "verdict", "rule", "role", "team", "model"];
        let query = Query::of(&request.head, &known)?;
        let filter = Filter::of(&query)?;
        let limit = query.number("limit", 1..=1000, 100)?;
        let before = query.number("before", 0..=9_999_999_999_999_999_999, usize::MAX)?;
        if wants_stream(&request.head) {
            let place = Arc::clone(&self.streams).try_acquire_owned();
            let place = place.map_err(|_| ApiError::Unavailable("too many streams: close one".to_owned()))?;
            let decisions = Arc::clone(&self.decisions);
            let reloader = Arc::clone(&self.reloader);
            return Ok(stream::answer(stream::Stream {
                _place: place,
                decisions,
                reloader,
                filter,
                stopping: request.stopping,
            }));
        }
        let before = u64::try_from(before).unwrap_or(u64::MAX);
        let mut found = self.decisions.before(before);
        found.retain(|recorded| filter.shows(&recorded.line));
        let next = found.get(limit - 1).filter(|_| found.len() > limit).map(|last| last.number.to_string());
        let shown: Vec<Value> = found.iter().take(limit).map(|recorded| decision(recorded)).collect();
        Ok(json_answer(&json!({"decisions": shown, "next": next})))
    }
}

fn wants_stream(head: &Parts) -> bool {
    let accepted = head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(','));
    kinds.any(|kind| {
        kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
    })
}
