//! Error bodies in the format of each API.

use http::StatusCode;
use serde_json::{Value, json};

use crate::routes::surface::ErrorShape;

/// The content of an error, independent of its format.
#[derive(Clone, Copy, Debug)]
pub(super) struct ErrorText<'e> {
    pub(super) status: StatusCode,
    /// OpenAI's `type`.
    pub(super) kind: &'e str,
    /// OpenAI's `code`.
    pub(super) code: &'e str,
    pub(super) message: &'e str,
    pub(super) request_id: &'e str,
}

/// The body of an error. Each format contains the request id, in the field of the API if it has one,
/// otherwise in `request_id`.
pub(super) fn body(shape: ErrorShape, text: ErrorText<'_>) -> Value {
    let ErrorText { status, kind, code, message, request_id } = text;
    match shape {
        ErrorShape::OpenAi => json!({"error": {
            "message": message, "type": kind, "param": null, "code": code, "request_id": request_id
        }}),
        ErrorShape::Anthropic => json!({
            "type": "error",
            "error": {"type": anthropic_type(status, code), "message": message},
            "request_id": request_id
        }),
        ErrorShape::Google => json!({"error": {
            "code": status.as_u16(), "message": message, "status": google_status(status),
            // https://google.aip.dev/193: `reason` is in capitals.
            "details": [
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": code.to_ascii_uppercase(), "domain": "modelgate"},
                {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request_id}
            ]
        }}),
        ErrorShape::Mistral => json!({
            "object": "error", "message": message, "type": kind, "param": null, "code": code, "request_id": request_id
        }),
        ErrorShape::Cohere => json!({"id": request_id, "message": message}),
        // The SDKs of AWS read the name from the body too.
        ErrorShape::Bedrock => json!({
            "message": message, "__type": bedrock_type(status), "code": code, "request_id": request_id
        }),
        ErrorShape::Ollama => json!({"error": message, "request_id": request_id}),
    }
}

/// Anthropic's names for errors. Its SDKs read the status, and tools such as Claude Code read the name.
fn anthropic_type(status: StatusCode, code: &str) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::NOT_FOUND => "not_found_error",
        StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "timeout_error",
        _ if code == "overloaded" => "overloaded_error",
        status if status.is_server_error() => "api_error",
        _ => "invalid_request_error",
    }
}

/// The names of Bedrock's errors.
fn bedrock_type(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "AccessDeniedException",
        StatusCode::NOT_FOUND => "ResourceNotFoundException",
        StatusCode::TOO_MANY_REQUESTS => "ThrottlingException",
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "ModelTimeoutException",
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailableException",
        status if status.is_server_error() => "InternalServerException",
        _ => "ValidationException",
    }
}

/// The name of an HTTP status in `google.rpc.Code`.
fn google_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::FORBIDDEN => "PERMISSION_DENIED",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::TOO_MANY_REQUESTS => "RESOURCE_EXHAUSTED",
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => "UNIMPLEMENTED",
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "DEADLINE_EXCEEDED",
        status if status.is_server_error() => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(shape: ErrorShape, status: u16, code: &str) -> Value {
        let status = StatusCode::from_u16(status).unwrap();
        body(shape, ErrorText { status, kind: "permission_error", code, message: "no", request_id: "r" })
    }

    #[test]
    fn each_api_has_its_own_form_and_every_form_has_the_id() {
        let made = |shape| made(shape, 403, "model_not_allowed");
        assert_eq!(
            made(ErrorShape::Anthropic),
            json!({"type": "error", "error": {"type": "permission_error", "message": "no"}, "request_id": "r"})
        );
        let google = made(ErrorShape::Google);
        assert_eq!(google["error"]["code"], 403);
        assert_eq!(google["error"]["status"], "PERMISSION_DENIED");
        assert_eq!(google["error"]["details"][0]["reason"], "MODEL_NOT_ALLOWED");
        assert_eq!(google["error"]["details"][1]["requestId"], "r");
        assert_eq!(made(ErrorShape::Mistral)["object"], "error");
        assert_eq!(made(ErrorShape::Cohere), json!({"id": "r", "message": "no"}));
        assert_eq!(made(ErrorShape::Bedrock)["__type"], "AccessDeniedException");
        assert_eq!(made(ErrorShape::Ollama), json!({"error": "no", "request_id": "r"}));
        assert_eq!(made(ErrorShape::OpenAi)["error"]["request_id"], "r");
    }

    #[test]
    fn each_status_has_the_name_that_the_api_gives_to_it() {
        for (status, anthropic, google) in [
            (400, "invalid_request_error", "INVALID_ARGUMENT"),
            (401, "authentication_error", "UNAUTHENTICATED"),
            (403, "permission_error", "PERMISSION_DENIED"),
            (404, "not_found_error", "NOT_FOUND"),
            (405, "invalid_request_error", "UNIMPLEMENTED"),
            (413, "request_too_large", "INVALID_ARGUMENT"),
            (415, "invalid_request_error", "INVALID_ARGUMENT"),
            (429, "rate_limit_error", "RESOURCE_EXHAUSTED"),
            (502, "api_error", "UNAVAILABLE"),
            (503, "api_error", "UNAVAILABLE"),
            (504, "timeout_error", "DEADLINE_EXCEEDED"),
        ] {
            assert_eq!(made(ErrorShape::Anthropic, status, "x")["error"]["type"], anthropic, "{status}");
            assert_eq!(made(ErrorShape::Google, status, "x")["error"]["status"], google, "{status}");
        }
        assert_eq!(made(ErrorShape::Anthropic, 503, "overloaded")["error"]["type"], "overloaded_error");
    }
}
