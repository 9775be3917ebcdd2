//! What the outcome of a call says about its deployment.

use std::time::{Duration, SystemTime};

use chrono::DateTime;
use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};
use memchr::memmem;

use crate::config::FailurePolicy;
use crate::gateway::http::error_response::Refusal;

/// Why a call failed so that another deployment may fare better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Failure {
    /// The deployment could not be reached, or broke off.
    Unreachable,
    /// The deployment took too long.
    TimedOut,
    /// The deployment answered with this status, and asks for no requests for this long.
    Answered(StatusCode, Option<Duration>),
}

impl Failure {
    /// The failure that an answer reports. LiteLLM retries the same statuses: timeouts, locks, rate limits and faults of the
    /// server. A 401 is about the operator's key for this deployment.
    pub(in crate::gateway) fn of(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let fails = status.is_server_error() || matches!(status.as_u16(), 401 | 408 | 409 | 429);
        fails.then(|| Self::Answered(status, retry_after(headers, now)))
    }

    /// The failure that there was no answer for.
    pub(in crate::gateway) fn of_refusal(refusal: &Refusal) -> Option<Self> {
        match refusal {
            Refusal::UpstreamDown | Refusal::NoUpstreamCredential => Some(Self::Unreachable),
            Refusal::UpstreamConnectTimeout | Refusal::UpstreamTimeout => Some(Self::TimedOut),
            _ => None,
        }
    }

    /// The number that a policy has for this kind of failure.
    pub(super) fn number_in(self, policy: &FailurePolicy) -> Option<u32> {
        match self {
            Self::Unreachable => None,
            Self::TimedOut => policy.timeout,
            Self::Answered(status, _) => match status.as_u16() {
                401 => policy.authentication,
                408 | 504 => policy.timeout,
                429 => policy.rate_limit,
                500.. => policy.internal_server,
                _ => None,
            },
        }
    }

    pub(in crate::gateway) fn is_rate_limit(self) -> bool {
        matches!(self, Self::Answered(StatusCode::TOO_MANY_REQUESTS, _))
    }

    /// Whether the same deployment may succeed a moment later. A wrong key does not get better.
    pub(in crate::gateway) fn may_pass(self) -> bool {
        !matches!(self, Self::Answered(StatusCode::UNAUTHORIZED, _))
    }

    /// Whether the failure counts against the deployment. A conflict may be the caller's doing, and no caller shall make
    /// deployments cool down for the others.
    pub(in crate::gateway) fn counts(self) -> bool {
        !matches!(self, Self::Answered(StatusCode::CONFLICT, _))
    }

    /// For how long the deployment asks for no requests.
    pub(in crate::gateway) fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Answered(_, wait) => wait,
            Self::Unreachable | Self::TimedOut => None,
        }
    }
}

/// `Retry-After` (RFC 9110 section 10.2.3): seconds, which some providers write with a fraction, or a date. A 0 counts as none:
/// otherwise a deployment that fails with it would never cool down, and would get all attempts at once.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok().filter(|wait| !wait.is_zero());
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    SystemTime::from(date).duration_since(now).ok()
}

/// Why another model stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Cause {
    Failure,
    /// The prompt is too long for the model.
    ContextWindow,
    /// The provider's content policy refuses the prompt.
    ContentPolicy,
}

/// What errors say of a prompt that is too long: codes and phrases of OpenAI, Azure, Anthropic, Google, Bedrock, Mistral,
/// vLLM and others, in lower case.
const TOO_LONG: [&[u8]; 11] = [
    b"context_length_exceeded",
    b"model_context_window_exceeded",
    b"maximum context length",
    b"maximum context limit",
    b"model's context length",
    b"context window",
    b"prompt is too long",
    b"input is too long",
    b"exceeds the maximum number of tokens",
    b"input tokens exceed",
    b"too large for model",
];
/// What errors say of a prompt that a content policy refuses.
const REFUSED: [&[u8]; 7] = [
    b"content_policy_violation",
    b"content_filter",
    b"responsibleaipolicyviolation",
    b"content management policy",
    b"content filtering policy",
    b"our safety system",
    b"content policy",
];

impl Cause {
    /// Whether the body of an answer with this status may say that another model would serve the request.
    pub(in crate::gateway) fn may_be_in_body(status: StatusCode) -> bool {
        matches!(status.as_u16(), 400 | 413 | 422)
    }

    /// The cause that the body of an error names.
    pub(in crate::gateway) fn in_body(body: &[u8]) -> Option<Self> {
        let text = body.to_ascii_lowercase();
        let names = |phrases: &[&[u8]]| phrases.iter().any(|phrase| memmem::find(&text, phrase).is_some());
        if names(&REFUSED) {
            return Some(Self::ContentPolicy);
        }
        names(&TOO_LONG).then_some(Self::ContextWindow)
    }

    /// The cause that follows from a status alone: the deployment has no such model, or the account may not use it.
    pub(in crate::gateway) fn of(status: StatusCode) -> Option<Self> {
        matches!(status.as_u16(), 403 | 404).then_some(Self::Failure)
    }
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
            ("0", None),
            ("0.0", None),
            ("-1", None),
            ("1e999", None),
            ("NaN", None),
            ("soon", None),
        ] {
            let wait = failure(429, Some(text)).unwrap().retry_after();
            assert_eq!(wait.map(|wait| wait.as_secs_f64()), seconds, "{text}");
        }
    }

    #[test]
    fn errors_of_providers_tell_of_prompts_that_are_too_long_or_refused() {
        for (body, cause) in [
            (
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
                Some(Cause::ContextWindow),
            ),
            (
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
                Some(Cause::ContextWindow),
            ),
            (
                r#"{"error":{"code":400,"message":"The input token count (2000000) exceeds the maximum number of tokens allowed (1048575).","status":"INVALID_ARGUMENT"}}"#,
                Some(Cause::ContextWindow),
            ),
            (r#"{"message":"Input is too long for requested model."}"#, Some(Cause::ContextWindow)),
            (
                r#"{"error":{"message":"The response was filtered","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
                Some(Cause::ContentPolicy),
            ),
            (
                r#"{"error":{"code":"content_policy_violation","message":"Your request was rejected"}}"#,
                Some(Cause::ContentPolicy),
            ),
            (r#"{"error":{"message":"Unrecognized request argument supplied: foo"}}"#, None),
            ("", None),
        ] {
            assert_eq!(Cause::in_body(body.as_bytes()), cause, "{body}");
        }
    }
}
