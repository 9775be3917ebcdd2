//! What the outcome of a call says about its deployment.

use std::time::{Duration, SystemTime};

use chrono::DateTime;
use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};

/// Why a call failed so that another deployment may fare better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Failure {
    /// The deployment could not be reached, broke off or took too long.
    Unreachable,
    /// The deployment answered with this status, and wants to be left alone for this long.
    Answered(StatusCode, Option<Duration>),
}

impl Failure {
    /// The failure that an answer reports. LiteLLM retries the same statuses: timeouts, locks, rate limits and faults of the
    /// server. A 401 is about the operator's key for this deployment.
    pub(in crate::gateway) fn of(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let fails = status.is_server_error() || matches!(status.as_u16(), 401 | 408 | 409 | 429);
        fails.then(|| Self::Answered(status, retry_after(headers, now)))
    }

    pub(in crate::gateway) fn is_rate_limit(self) -> bool {
        matches!(self, Self::Answered(StatusCode::TOO_MANY_REQUESTS, _))
    }

    /// Whether the same deployment may succeed a moment later. A wrong key does not get better.
    pub(in crate::gateway) fn may_pass(self) -> bool {
        !matches!(self, Self::Answered(StatusCode::UNAUTHORIZED, _))
    }

    /// How long the deployment wants to be left alone.
    pub(in crate::gateway) fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Answered(_, wait) => wait,
            Self::Unreachable => None,
        }
    }
}

/// `Retry-After` (RFC 9110 section 10.2.3): seconds, which some providers write with a fraction, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    SystemTime::from(date).duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, after: Option<&str>) -> Option<Failure> {
        let mut headers = HeaderMap::new();
        headers.extend(after.map(|after| (RETRY_AFTER, after.parse().unwrap())));
        // 1994-11-06 08:49:30.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        Failure::of(StatusCode::from_u16(status).unwrap(), &headers, now)
    }

    #[test]
    fn faults_of_the_server_and_rate_limits_are_failures() {
        for status in [401, 408, 409, 429, 500, 502, 503, 504, 529] {
            assert!(failure(status, None).is_some(), "{status}");
        }
        for status in [200, 204, 302, 400, 403, 404, 413, 422] {
            assert!(failure(status, None).is_none(), "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (text, seconds) in [
            ("7", Some(7.0)),
            ("0.5", Some(0.5)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7.0)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", None),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
        ] {
            let wait = failure(429, Some(text)).unwrap().retry_after();
            assert_eq!(wait.map(|wait| wait.as_secs_f64()), seconds, "{text}");
        }
    }
}
