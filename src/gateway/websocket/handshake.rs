//! Parses a caller's opening handshake (RFC 6455), and builds the response.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{Method, Version};
use percent_encoding::percent_decode_str;
use tokio::sync::oneshot;

use crate::authn::{BearerError, CREDENTIAL_HEADERS};
use crate::gateway::http::error_response::Refusal;
use crate::gateway::http::incoming::{IncomingRequest, Switched};
use crate::gateway::target::operation;
use crate::gateway::upstream::deployments::sockets::SocketApi;
use crate::request::RoutePath;

/// The constant of RFC 6455 section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The subprotocols in which OpenAI's browser clients send their key and their account, because browsers
/// cannot set headers.
const KEY_PROTOCOL: &str = "openai-insecure-api-key.";
const ACCOUNT_PROTOCOLS: [&str; 2] = ["openai-organization.", "openai-project."];

/// A caller's handshake. Its credential has been moved to a header.
pub(in crate::gateway) struct Handshake {
    pub(super) api: SocketApi,
    /// The requested path, without the prefix at which the API is mounted.
    pub(super) operation: String,
    pub(super) accept: HeaderValue,
    /// The subprotocols that are not credentials.
    pub(super) protocols: Vec<String>,
    pub(super) upgrade: oneshot::Receiver<Switched>,
}

impl Handshake {
    /// Parses the handshake of a request for a WebSocket API. Returns `None` for any other request.
    pub(in crate::gateway) fn of(incoming: &mut IncomingRequest) -> Result<Option<Box<Self>>, Refusal> {
        let head = &mut incoming.head;
        if head.method != Method::GET
            || head.version != Version::HTTP_11
            || !has_token(&head.headers, &UPGRADE, "websocket")
            || !has_token(&head.headers, &CONNECTION, "upgrade")
        {
            return Ok(None);
        }
        let Some((api, operation)) = api_of(head)? else { return Ok(None) };
        let headers = &head.headers;
        let is_empty = headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0")
            && !headers.contains_key(TRANSFER_ENCODING);
        if !is_empty {
            return Err(Refusal::Handshake("it has a body"));
        }
        if one(headers, &SEC_WEBSOCKET_VERSION) != Some("13") {
            return Err(Refusal::WebSocketVersion);
        }
        let key = one(headers, &SEC_WEBSOCKET_KEY).map(str::trim);
        let key = key.filter(|key| STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16));
        let accept = accept(key.ok_or(Refusal::Handshake("`Sec-WebSocket-Key` is not 16 bytes in base64"))?);
        let protocols = take_credential(head, api)?;
        let upgrade =
            incoming.upgrade.take().ok_or(Refusal::Handshake("this connection cannot be upgraded"))?;
        Ok(Some(Box::new(Self { api, operation, accept, protocols, upgrade })))
    }
}

/// Where the model of a WebSocket stands that another proxy describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Described {
    /// In the URL.
    Url,
    /// In its messages.
    Messages,
    /// The API is not known.
    Unknown,
}

/// Whether a request that another proxy describes opens a WebSocket. A proxy may hide that it is an upgrade, and a GET has no
/// other meaning on the paths of these APIs. The proxy forwards the path as the caller wrote it, and an upstream undoes its
/// escapes, so the path is read without them. The credential has been moved to a header, and the other subprotocols are left.
pub(in crate::gateway) fn described(head: &mut Parts) -> Result<Option<Described>, Refusal> {
    if head.method != Method::GET {
        return Ok(None);
    }
    let api = api_of(head)?.map(|(api, _)| api).or_else(|| {
        let path = RoutePath::parse(head.uri.path()).ok()?;
        // LiteLLM has this one besides the APIs that the gateway carries.
        if operation(path.as_str()).trim_end_matches('/') == "vertex_ai/live" {
            return Some(SocketApi::Live);
        }
        api_of_path(path.as_str().trim_end_matches('/')).map(|(api, _)| api)
    });
    let Some(api) = api else {
        return Ok(has_token(&head.headers, &UPGRADE, "websocket").then_some(Described::Unknown));
    };
    let protocols = take_credential(head, api)?.join(", ");
    if !protocols.is_empty() {
        let protocols = HeaderValue::try_from(protocols);
        let protocols = protocols.map_err(|_| Refusal::Handshake("a subprotocol cannot be read"))?;
        head.headers.insert(SEC_WEBSOCKET_PROTOCOL, protocols);
    }
    Ok(Some(if api == SocketApi::Realtime { Described::Url } else { Described::Messages }))
}

/// Whether a subprotocol has a credential.
pub(in crate::gateway) fn has_protocol_credential(headers: &HeaderMap) -> bool {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut protocols = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    protocols.any(|protocol| protocol.trim_ascii().starts_with(KEY_PROTOCOL.as_bytes()))
}

/// The API of a path, and the operation. Google's JavaScript client writes two slashes, of which one is removed.
fn api_of(head: &mut Parts) -> Result<Option<(SocketApi, String)>, Refusal> {
    let path = head.uri.path();
    let path = if path.starts_with("//ws/google.") { path.split_at(1).1 } else { path }.to_owned();
    let found = api_of_path(&path);
    if found.is_some() && path.len() != head.uri.path().len() {
        let text = match head.uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        let path_and_query = PathAndQuery::from_maybe_shared(text);
        head.uri = Uri::from(path_and_query.map_err(|_| Refusal::Handshake("its path cannot be read"))?);
    }
    Ok(found)
}

fn api_of_path(path: &str) -> Option<(SocketApi, String)> {
    if let Some(service) = path.strip_prefix("/ws/google.") {
        let is_live = service.contains(".GenerativeService.Bidi") || service.contains("LlmBidiService/");
        return is_live.then(|| (SocketApi::Gemini, path.trim_start_matches('/').to_owned()));
    }
    let operation = operation(path);
    let operation = operation.strip_prefix("openai/").unwrap_or(operation);
    let api = match operation {
        "realtime" | "realtime/translations" | "audio/transcriptions/realtime" | "audio/speech/realtime" => {
            SocketApi::Realtime
        }
        "responses" => SocketApi::Responses,
        "live/sessions" => SocketApi::Live,
        _ => return None,
    };
    Some((api, operation.to_owned()))
}

/// The accept value for a key (RFC 6455 section 4.2.2).
pub(super) fn accept(key: &str) -> HeaderValue {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), GUID].concat());
    HeaderValue::try_from(STANDARD.encode(hash)).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Whether a list in a header contains a word, ignoring case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|word| word.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// The value of a header that must occur exactly once.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Moves the credential to a header. Returns the subprotocols that are not credentials.
fn take_credential(head: &mut Parts, api: SocketApi) -> Result<Vec<String>, Refusal> {
    let protocols = take_protocols(&mut head.headers)?;
    if api == SocketApi::Gemini {
        take_query_key(head)?;
    }
    Ok(protocols)
}

/// Removes the subprotocols from the headers, and moves the credential among them to a header.
fn take_protocols(headers: &mut HeaderMap) -> Result<Vec<String>, Refusal> {
    let mut protocols = Vec::new();
    let mut credential: Option<String> = None;
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let text = value.to_str().map_err(|_| Refusal::Handshake("a subprotocol cannot be read"))?;
        for protocol in text.split(',').map(str::trim).filter(|protocol| !protocol.is_empty()) {
            if let Some(key) = protocol.strip_prefix(KEY_PROTOCOL) {
                if credential.replace(key.to_owned()).is_some_and(|other| other != key) {
                    return Err(BearerError::Ambiguous.into());
                }
            } else if !ACCOUNT_PROTOCOLS.iter().any(|prefix| protocol.starts_with(prefix)) {
                protocols.push(protocol.to_owned());
            }
        }
    }
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Some(credential) = credential {
        present(headers, &credential)?;
    }
    Ok(protocols)
}

/// Moves the query parameter `key`, in which Google's clients send their credential, to a header.
fn take_query_key(head: &mut Parts) -> Result<(), Refusal> {
    let mut keys =
        head.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.strip_prefix("key="));
    let Some(key) = keys.next().filter(|key| !key.is_empty()) else { return Ok(()) };
    if keys.any(|other| other != key) {
        return Err(BearerError::Ambiguous.into());
    }
    let key = percent_decode_str(key).decode_utf8().map_err(|_| BearerError::Characters)?.into_owned();
    present(&mut head.headers, &key)
}

/// Writes a credential to an unused header. If other headers have one too, the rules for several credentials
/// apply.
fn present(headers: &mut HeaderMap, credential: &str) -> Result<(), Refusal> {
    let free = CREDENTIAL_HEADERS.into_iter().find(|name| !headers.contains_key(*name));
    let name = HeaderName::from_static(free.ok_or(BearerError::Ambiguous)?);
    let text = if name == AUTHORIZATION { format!("Bearer {credential}") } else { credential.to_owned() };
    let mut value = HeaderValue::try_from(text).map_err(|_| BearerError::Characters)?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// The headers for judging a message. Headers that change how a body is read are left out.
pub(super) fn judged_headers(headers: &HeaderMap) -> HeaderMap {
    let mut judged = headers.clone();
    for name in [CONTENT_TYPE, CONTENT_ENCODING, TRANSFER_ENCODING] {
        judged.remove(name);
    }
    judged
}

/// The headers of the response that opens a WebSocket.
pub(super) fn opening(accept: &HeaderValue, protocol: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept.clone());
    if let Some(protocol) = protocol.and_then(|protocol| HeaderValue::try_from(protocol).ok()) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_key_is_that_of_rfc_6455() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
