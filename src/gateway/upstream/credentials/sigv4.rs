//! Signs requests with Amazon's Signature Version 4, by the signer of the AWS SDK.

use std::fmt::Write as _;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_lc_rs::digest::{Context, SHA256};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as sign_request};
use aws_sigv4::sign::v4;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use secrecy::ExposeSecret as _;
use tracing::dispatcher::{self, Dispatch};

use crate::config::AwsCredentials;
use crate::gateway::http::segmented_body::SegmentedBody;

/// The name of the service in signatures, for Bedrock's runtime too.
const SERVICE: &str = "bedrock";

/// Adds the headers that sign the request, which must not change afterwards. The signature covers the method, the address,
/// the content type, the parameters of Bedrock in `x-amzn-…`, and the body.
///
/// `None`: the keys or the address cannot be signed with.
pub(in crate::gateway) fn sign(
    keys: &AwsCredentials,
    (method, uri): (&Method, &Uri),
    headers: &mut HeaderMap,
    body: &SegmentedBody,
    time: SystemTime,
) -> Option<()> {
    // A caller's own signature is no part of ours.
    let of_caller: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("x-amz-")).cloned().collect();
    for name in of_caller.iter().chain([&AUTHORIZATION]) {
        headers.remove(name);
    }
    let session = keys.session_token.as_ref().map(|token| token.expose_secret().to_owned());
    let (id, secret) = (keys.access_key_id.expose_secret(), keys.secret_access_key.expose_secret());
    let identity = Credentials::new(id, secret, session, None, "modelgate").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&keys.region)
        .name(SERVICE)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .ok()?
        .into();
    let is_signed = |name: &HeaderName| *name == CONTENT_TYPE || name.as_str().starts_with("x-amzn-bedrock-");
    // A header with several values would have to be joined as the service joins it.
    let is_single = |name: &HeaderName| headers.get_all(name).iter().nth(1).is_none();
    let signed = headers.iter().filter(|(name, _)| is_signed(name) && is_single(name));
    let signed: Vec<_> =
        signed.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let body = SignableBody::Precomputed(sha256(body));
    let request = SignableRequest::new(method.as_str(), uri.to_string(), signed.into_iter(), body).ok()?;
    // The signer logs what it signs, the session token included, so it gets no log.
    let signed = dispatcher::with_default(&Dispatch::none(), || sign_request(request, &parameters));
    let (instructions, _) = signed.ok()?.into_parts();
    let (added, _) = instructions.into_parts();
    for header in added {
        let mut value = HeaderValue::from_str(header.value()).ok()?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(header.name()), value);
    }
    Some(())
}

fn sha256(body: &SegmentedBody) -> String {
    let mut context = Context::new(&SHA256);
    body.iter().for_each(|piece| context.update(piece));
    let mut text = String::with_capacity(64);
    for byte in context.finish().as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use bytes::Bytes;
    use secrecy::SecretString;

    use super::*;

    /// Signs as at 12:36 on 30 August 2015, the date of AWS's published examples.
    fn signed(path: &str, session: Option<&str>, sent: &[(&'static str, &'static str)]) -> HeaderMap {
        let keys = AwsCredentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: session.map(SecretString::from),
            region: "us-east-1".to_owned(),
        };
        let uri: Uri = format!("https://bedrock-runtime.us-east-1.amazonaws.com{path}").parse().unwrap();
        let pairs = sent.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let mut headers: HeaderMap = pairs.collect();
        let body = SegmentedBody::of([Bytes::from_static(b"{\"messages"), Bytes::from_static(b"\":[]}")]);
        let time = UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        sign(&keys, (&Method::POST, &uri), &mut headers, &body, time).unwrap();
        headers
    }

    #[test]
    fn signatures_are_those_that_botocore_recorded() {
        let json = [("content-type", "application/json"), ("accept", "*/*"), ("user-agent", "x")];
        for (path, session, names, signature) in [
            (
                "/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse",
                None,
                "content-type;host;x-amz-date",
                "40f11609b51d318bc71127993eb5b075cc12b3bde24aa11d2a25186d1fc1d196",
            ),
            (
                "/model/us.amazon.nova-lite-v1%3A0/converse-stream",
                Some("TOKEN"),
                "content-type;host;x-amz-date;x-amz-security-token",
                "f68db300d1e06a04cce3ab68889e9c52a6324a389e827aebd0daac750c00783f",
            ),
            (
                "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fx/invoke",
                None,
                "content-type;host;x-amz-date",
                "aaff2711d0d7c143ef25b93cb9aab1e80e1934d926d6d8aa421f49a7a13fc91c",
            ),
        ] {
            let headers = signed(path, session, &json);
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, \
                 SignedHeaders={names}, Signature={signature}"
            );
            assert_eq!(headers["authorization"], expected, "{path}");
            assert_eq!(headers["x-amz-date"], "20150830T123600Z");
            assert_eq!(
                headers.get("x-amz-security-token").map(HeaderValue::as_bytes),
                session.map(str::as_bytes)
            );
        }
    }

    #[test]
    fn nothing_of_a_callers_own_signature_is_left() {
        let sent = [
            ("authorization", "AWS4-HMAC-SHA256 Credential=CALLER/x"),
            ("x-amz-security-token", "caller"),
            ("x-amz-date", "20200101T000000Z"),
            ("x-amz-content-sha256", "00"),
        ];
        let headers = signed("/model/a/invoke", None, &sent);
        assert!(!headers["authorization"].to_str().unwrap().contains("CALLER"));
        assert_eq!(headers["x-amz-date"], "20150830T123600Z");
        assert!(
            !headers.contains_key("x-amz-security-token") && !headers.contains_key("x-amz-content-sha256")
        );
        assert!(headers["authorization"].is_sensitive());
    }
}
