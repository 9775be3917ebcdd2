//! Converts failures to HTTP responses. No other module chooses an error status.
//!
//! Input: a [`Refusal`]. Output: a response in the format of the client's API (`shapes`), with the request
//! id, and with an RFC 6750 challenge if a credential is missing or invalid.

mod answers;
mod shapes;

use http::StatusCode;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE,
    WWW_AUTHENTICATE,
};
use serde_json::{Value, json};

use crate::authn::{BearerError, TokenError};
use crate::config::DeniedModel;
use crate::display::escape;
use crate::engine::{Denied, Rule};
use crate::gateway::auth::error::AuthnError;
use crate::gateway::limits::limit::Limit;
use crate::request::Malformed;
use crate::routes::surface::ErrorShape;
use shapes::ErrorText;

pub(in crate::gateway) use answers::json_answer;
pub(crate) use answers::{Answer, AnswerBody, BodyError, answer_of, body_of};

/// The response to a connection over the limit. Its request is not read.
pub(in crate::gateway) const OVERLOADED: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 102\r\n",
    "retry-after: 1\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
    r#"{"error":{"message":"the gateway is overloaded","type":"api_error","param":null,"code":"overloaded"}}"#,
    "\n"
);

/// The header with the request id.
pub(in crate::gateway) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Why a request is not forwarded, or its forwarding failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum Refusal {
    #[error(transparent)]
    Credential(#[from] BearerError),
    #[error(transparent)]
    Token(TokenError),
    #[error("the identity provider's keys are not available")]
    KeysUnavailable,
    #[error("the identity provider could not be asked about the token")]
    ProviderUnavailable,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    Denied(#[from] Box<Denied>),
    #[error("the request body is larger than {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("the request body ended early")]
    BodyBroken,
    #[error("the request body has an unsupported content coding: use gzip, deflate, br or zstd")]
    Encoding,
    #[error("the request body does not match its `Content-Encoding`")]
    NotEncoded,
    #[error("the request body took too long")]
    BodyTimeout,
    #[error("the request has more than {limit} headers")]
    TooManyHeaders { limit: usize },
    #[error("the gateway is overloaded")]
    Overloaded,
    /// The budget for all bodies is used up.
    #[error("the gateway is overloaded")]
    NoRoom,
    #[error("too many requests of this caller are in flight")]
    TooManyRequests,
    #[error("the method is not supported")]
    Method,
    #[error("the model does not exist")]
    UnknownModel,
    /// The model is configured, but its provider is not supported.
    #[error("the model is configured, but this gateway cannot send requests to its provider")]
    NotServed,
    /// The deployment's provider speaks only its own API, and no body is translated.
    #[error(
        "the model is served by {provider} alone on its own paths, such as `{path}`: this gateway does not translate requests"
    )]
    NotTranslated { provider: &'static str, path: &'static str },
    /// The deployment's credential could not be exchanged for a token. The log has the reason.
    #[error("the credential for the upstream is not available")]
    NoUpstreamCredential,
    #[error("no upstream serves this route")]
    NoUpstream,
    /// Every deployment of the model failed and cools down.
    #[error("every deployment of the model cools down after failures: try again in {seconds} seconds")]
    CoolingDown { seconds: u64 },
    /// Under `modelgate.references: remember`, an answer with other callers' objects is not passed on.
    #[error("the list may show objects of other callers, and cannot be filtered: {0}")]
    Unfiltered(&'static str),
    #[error("the upstream cannot be reached")]
    UpstreamDown,
    #[error("the upstream switched protocols without a request to do so")]
    UpstreamSwitched,
    #[error("the upstream's response to the WebSocket handshake violates RFC 6455")]
    UpstreamHandshake,
    #[error("the WebSocket handshake is malformed: {0}")]
    Handshake(&'static str),
    #[error("the WebSocket version is not 13")]
    WebSocketVersion,
    #[error("WebSockets are turned off here: send the request over HTTP")]
    WebSocketsOff,
    /// Another proxy asks about a request.
    #[error("the request cannot be judged without its body: {0}")]
    BodyUnseen(&'static str),
    #[error(
        "the messages of this WebSocket name the model, and only a gateway that carries them can judge them"
    )]
    MessagesUnseen,
    #[error("the proxy does not describe the original request: {0}")]
    Original(&'static str),
    #[error("this address may not request decisions: list it in `modelgate.trusted_proxies`")]
    UntrustedProxy,
    /// An enforcement point asks about a subject of another type.
    #[error("this type of subject is not known: ask about a `user` or a `token`")]
    UnknownSubject,
    /// The caller may use the model, but this connection belongs to another deployment.
    #[error("another deployment serves the model: open a new connection for it")]
    OtherDeployment,
    #[error("the rules changed before the request was sent: send it again")]
    Overtaken,
    #[error("the upstream took too long to connect")]
    UpstreamConnectTimeout,
    #[error("the upstream took too long")]
    UpstreamTimeout,
}

impl From<AuthnError> for Refusal {
    fn from(error: AuthnError) -> Self {
        match error {
            AuthnError::Token(error) => Self::Token(error),
            AuthnError::KeysUnavailable => Self::KeysUnavailable,
            AuthnError::ProviderUnavailable => Self::ProviderUnavailable,
        }
    }
}

impl Refusal {
    pub(in crate::gateway) fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(Malformed::Unsupported(_)) | Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Credential(BearerError::Ambiguous)
            | Self::Original(_)
            | Self::Handshake(_)
            | Self::Malformed(_)
            | Self::BodyBroken
            | Self::NotEncoded => StatusCode::BAD_REQUEST,
            Self::Credential(BearerError::TooLong) | Self::TooManyHeaders { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Credential(_) | Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::Denied(_)
            | Self::OtherDeployment
            | Self::Unfiltered(_)
            | Self::BodyUnseen(_)
            | Self::MessagesUnseen
            | Self::UntrustedProxy
            | Self::UnknownSubject => StatusCode::FORBIDDEN,
            Self::WebSocketVersion | Self::WebSocketsOff => StatusCode::UPGRADE_REQUIRED,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownModel | Self::NoUpstream => StatusCode::NOT_FOUND,
            Self::NotServed | Self::NotTranslated { .. } => StatusCode::NOT_IMPLEMENTED,
            Self::UpstreamDown | Self::UpstreamSwitched | Self::UpstreamHandshake => StatusCode::BAD_GATEWAY,
            Self::KeysUnavailable
            | Self::ProviderUnavailable
            | Self::NoUpstreamCredential
            | Self::Overloaded
            | Self::NoRoom
            | Self::Overtaken => StatusCode::SERVICE_UNAVAILABLE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooManyRequests | Self::CoolingDown { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::UpstreamConnectTimeout | Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// OpenAI's `code`.
    pub(in crate::gateway) fn code(&self) -> &'static str {
        self.kind().1
    }

    /// The reason that the credential was refused, as a code.
    pub(in crate::gateway) fn token_reason(&self) -> Option<&'static str> {
        match self {
            Self::Credential(error) => Some(error.reason()),
            Self::Token(error) => Some(error.reason()),
            _ => None,
        }
    }

    /// The limit that the request exceeded.
    pub(in crate::gateway) fn limit(&self) -> Option<Limit> {
        match self {
            Self::Overloaded => Some(Limit::Requests),
            Self::TooManyRequests => Some(Limit::Caller),
            Self::NoRoom => Some(Limit::Bodies),
            Self::TooManyHeaders { .. } => Some(Limit::Header),
            Self::Credential(BearerError::TooLong) => Some(Limit::Token),
            Self::BodyTooLarge { .. } => Some(Limit::Body),
            Self::BodyTimeout => Some(Limit::BodyTimeout),
            Self::Malformed(Malformed::Depth { .. }) => Some(Limit::Depth),
            Self::UpstreamConnectTimeout => Some(Limit::UpstreamConnect),
            Self::UpstreamTimeout => Some(Limit::UpstreamFirstByte),
            _ => None,
        }
    }

    /// The number of seconds until a retry may succeed.
    fn retry_after(&self) -> Option<HeaderValue> {
        match self {
            Self::Overloaded | Self::NoRoom | Self::Overtaken | Self::TooManyRequests => {
                Some(HeaderValue::from_static("1"))
            }
            Self::KeysUnavailable | Self::ProviderUnavailable | Self::NoUpstreamCredential => {
                Some(HeaderValue::from_static("5"))
            }
            Self::CoolingDown { seconds } => Some(HeaderValue::from(*seconds)),
            _ => None,
        }
    }

    /// OpenAI's `type` and `code`.
    fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Credential(BearerError::Ambiguous | BearerError::TooLong) => {
                ("invalid_request_error", "bad_credential")
            }
            Self::Credential(_) | Self::Token(_) => ("authentication_error", "invalid_api_key"),
            Self::Denied(denied) if denied.rule == Rule::Model => ("permission_error", "model_not_allowed"),
            Self::Denied(_) | Self::Unfiltered(_) => ("permission_error", "permission_denied"),
            Self::UnknownModel => ("invalid_request_error", "model_not_found"),
            Self::Malformed(_) => ("invalid_request_error", "invalid_request"),
            Self::BodyTooLarge { .. } => ("invalid_request_error", "request_too_large"),
            Self::BodyBroken => ("invalid_request_error", "incomplete_body"),
            Self::Encoding => ("invalid_request_error", "unsupported_encoding"),
            Self::NotEncoded => ("invalid_request_error", "invalid_encoding"),
            Self::BodyTimeout => ("invalid_request_error", "request_timeout"),
            Self::TooManyHeaders { .. } => ("invalid_request_error", "too_many_headers"),
            Self::Overloaded | Self::NoRoom => ("api_error", "overloaded"),
            Self::TooManyRequests => ("requests", "rate_limit_exceeded"),
            Self::Method => ("invalid_request_error", "method_not_supported"),
            Self::NotServed => ("api_error", "provider_not_supported"),
            Self::NotTranslated { .. } => ("api_error", "translation_not_supported"),
            Self::NoUpstreamCredential => ("api_error", "upstream_credential_unavailable"),
            Self::NoUpstream => ("invalid_request_error", "unknown_route"),
            Self::CoolingDown { .. } => ("requests", "deployments_cooling_down"),
            Self::UpstreamDown => ("api_error", "upstream_unreachable"),
            Self::UpstreamSwitched | Self::UpstreamHandshake => ("api_error", "upstream_protocol"),
            Self::Handshake(_) | Self::WebSocketVersion => ("invalid_request_error", "bad_handshake"),
            Self::WebSocketsOff => ("invalid_request_error", "websockets_off"),
            Self::OtherDeployment => ("permission_error", "model_of_another_deployment"),
            Self::BodyUnseen(_) | Self::MessagesUnseen => ("permission_error", "body_required"),
            Self::Original(_) => ("invalid_request_error", "bad_original_request"),
            Self::UntrustedProxy => ("permission_error", "untrusted_proxy"),
            Self::UnknownSubject => ("permission_error", "unknown_subject"),
            Self::Overtaken => ("api_error", "rules_changed"),
            Self::UpstreamConnectTimeout | Self::UpstreamTimeout => ("api_error", "upstream_timeout"),
            Self::KeysUnavailable => ("api_error", "keys_unavailable"),
            Self::ProviderUnavailable => ("api_error", "provider_unavailable"),
        }
    }

    /// RFC 6750 section 3: no error code if no credential was sent.
    fn challenge(&self) -> Option<HeaderValue> {
        match self {
            Self::Credential(BearerError::Missing) => {
                Some(HeaderValue::from_static("Bearer realm=\"modelgate\""))
            }
            Self::Credential(BearerError::Scheme | BearerError::Characters) | Self::Token(_) => {
                let text = format!(
                    "Bearer realm=\"modelgate\", error=\"invalid_token\", error_description=\"{self}\""
                );
                HeaderValue::try_from(text.replace('`', "'")).ok()
            }
            _ => None,
        }
    }

    /// Whether the request was denied because of its model. The operator then chooses the status and the
    /// code.
    fn is_of_a_model(&self) -> bool {
        matches!(self, Self::Denied(denied) if denied.rule.is_of_models())
    }

    /// Builds the response, and logs the refusal.
    pub(in crate::gateway) fn answer(
        &self,
        request_id: &HeaderValue,
        shape: ErrorShape,
        denied_model: &DeniedModel,
    ) -> Answer {
        let (mut status, (mut kind, mut code)) = (self.status(), self.kind());
        if self.is_of_a_model() {
            status = denied_model.status;
            code = denied_model.code.as_deref().unwrap_or(code);
            // The message of OpenAI for a model that does not exist.
            kind = if status == StatusCode::NOT_FOUND { "invalid_request_error" } else { kind };
        }
        self.log(status, code, request_id);
        let message = self.to_string();
        let request_id = request_id.to_str().unwrap_or_default();
        let text = ErrorText { status, kind, code, message: &escape(&message), request_id };
        let mut answer = json_answer(status, &shapes::body(shape, text));
        let headers = answer.headers_mut();
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if matches!(self, Self::Encoding) {
            // RFC 9110 section 12.5.3.
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
        }
        // RFC 9110 sections 7.8 and 15.5.22. A handshake comes over HTTP/1.1, which has these headers.
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        }
        // RFC 6455 section 4.2.2.
        if matches!(self, Self::WebSocketVersion) {
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, seconds);
        }
        answer
    }

    /// Builds the error event of OpenAI's APIs for a refused WebSocket message, and logs the refusal.
    pub(in crate::gateway) fn event(
        &self,
        request_id: &HeaderValue,
        event_id: Option<&str>,
        denied_model: &DeniedModel,
    ) -> Value {
        let (status, (kind, mut code)) = (self.status(), self.kind());
        if self.is_of_a_model() {
            code = denied_model.code.as_deref().unwrap_or(code);
        }
        self.log(status, code, request_id);
        let id = request_id.to_str().unwrap_or_default();
        let error = json!({"type": kind, "code": code, "message": escape(&self.to_string()).as_ref(), "param": null,
            "event_id": event_id, "request_id": id});
        json!({"type": "error", "event_id": format!("event_{id}"), "status": status.as_u16(), "error": error})
    }

    fn log(&self, status: StatusCode, code: &str, request_id: &HeaderValue) {
        let (status, request_id) = (status.as_u16(), request_id.to_str().unwrap_or_default());
        match self {
            Self::Denied(denied) => tracing::info!(
                status, request_id, rule = denied.rule.as_str(), policies = ?denied.decision.policies,
                role = denied.decision.role.map(crate::names::Role::as_str), user = denied.decision.user_id.as_deref(),
                team = denied.decision.team_id.as_deref(), generation = denied.decision.generation, error = denied.error, "denied"
            ),
            // Overload is counted and not logged for each request.
            Self::Overloaded | Self::NoRoom => {
                tracing::debug!(status, request_id, code, "refused: {self}");
            }
            _ => tracing::info!(status, request_id, code, "refused: {}", escape(&self.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_without_a_look_has_the_length_that_it_says() {
        let (head, body) = OVERLOADED.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
        let body: Value = serde_json::from_str(body).unwrap();
        let (kind, code) = Refusal::Overloaded.kind();
        assert_eq!(body["error"]["code"], code);
        assert_eq!(
            (body["error"]["type"].as_str(), body["error"]["message"].as_str()),
            (Some(kind), Some(Refusal::Overloaded.to_string().as_str()))
        );
    }
}
