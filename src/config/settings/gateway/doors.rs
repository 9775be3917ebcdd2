//! The addresses of listeners, and the listeners for other proxies: `modelgate.forward_auth`, `modelgate.ext_authz` and
//! `modelgate.authzen`.

use std::path::Path;
use std::str::FromStr;

use url::Url;

use super::clients::refuse;
use crate::config::problem::Problem;
use crate::config::raw;
use crate::config::settings::context::Context;
use crate::config::settings::models::entry::secret;
use crate::config::settings::types::{
    Authzen, Convention, ExtAuthz, ForwardAuth, SocketAddress, TlsFiles, WithoutBody,
};

/// `modelgate.forward_auth`.
pub(super) fn forward_auth(
    cx: &mut Context<'_>,
    block: raw::ForwardAuth,
    directory: &Path,
) -> Option<ForwardAuth> {
    let raw::ForwardAuth { listen, convention, without_body, tls } = block;
    let tls = tls.map(|files| tls_files(cx, "modelgate.forward_auth.tls", files, directory));
    let convention = match convention.as_deref() {
        None | Some("x-forwarded") => Convention::XForwarded,
        Some("x-original") => Convention::XOriginal,
        Some(_) => {
            refuse(cx, "forward_auth.convention", "convention", "`x-forwarded` or `x-original`");
            Convention::default()
        }
    };
    let without_body = match without_body.as_deref() {
        None | Some("deny") => WithoutBody::Deny,
        Some("url") => WithoutBody::Url,
        Some(_) => {
            refuse(cx, "forward_auth.without_body", "without_body", "`deny` or `url`");
            WithoutBody::default()
        }
    };
    let listen = address(cx, "forward_auth.listen", "127.0.0.1:4002", &listen)?;
    Some(ForwardAuth { listen, convention, without_body, tls })
}

/// The files of a block `tls`.
pub(super) fn tls_files(cx: &mut Context<'_>, at: &str, files: raw::Tls, directory: &Path) -> TlsFiles {
    let raw::Tls { certificate, key, client_ca } = files;
    cx.not_empty(&format!("{at}.certificate"), &certificate);
    cx.not_empty(&format!("{at}.key"), &key);
    if let Some(file) = &client_ca {
        cx.not_empty(&format!("{at}.client_ca"), file);
    }
    let path = |file: String| directory.join(file);
    TlsFiles { certificate: path(certificate), key: path(key), client_ca: client_ca.map(path) }
}

/// Parses the address of a listener.
pub(super) fn address<A: FromStr>(cx: &mut Context<'_>, key: &str, example: &str, text: &str) -> Option<A> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let range = format!("an address with a port, such as `{example}`");
        let last = key.rsplit('.').next().unwrap_or(key).to_owned();
        cx.refuse(&format!("modelgate.{key}"), Problem::OutOfRange { key: last, range });
    }
    parsed
}

/// `modelgate.ext_authz`.
pub(super) fn ext_authz(cx: &mut Context<'_>, block: raw::ExtAuthz, directory: &Path) -> Option<ExtAuthz> {
    let raw::ExtAuthz { listen, remove_credential, tls } = block;
    let tls = tls.map(|files| tls_files(cx, "modelgate.ext_authz.tls", files, directory));
    let listen = match listen.strip_prefix("unix:") {
        Some(path) if !path.is_empty() => SocketAddress::Unix(directory.join(path)),
        _ => SocketAddress::Tcp(address(
            cx,
            "ext_authz.listen",
            "127.0.0.1:4003` or `unix:/run/modelgate.sock",
            &listen,
        )?),
    };
    if tls.is_some() && matches!(listen, SocketAddress::Unix(_)) {
        let range = "absent beside a Unix socket, which has no TLS".to_owned();
        cx.refuse("modelgate.ext_authz.tls", Problem::OutOfRange { key: "tls".to_owned(), range });
    }
    Some(ExtAuthz { listen, removes_credential: remove_credential.unwrap_or(true), tls })
}

/// `modelgate.authzen`.
pub(super) fn authzen(cx: &mut Context<'_>, block: raw::Authzen, directory: &Path) -> Option<Authzen> {
    let raw::Authzen { listen, bearer, url, tls } = block;
    let tls = tls.map(|files| tls_files(cx, "modelgate.authzen.tls", files, directory));
    let needs_certificate = tls.as_ref().is_some_and(|files| files.client_ca.is_some());
    if bearer.is_none() && !needs_certificate {
        let help = "who may ask also says who the caller is, so only holders of a credential may ask: set it to \
                    `os.environ/NAME`, or demand certificates by `tls.client_ca`";
        cx.refuse_key("modelgate.authzen", Problem::Needs { key: "authzen", other: "bearer", help });
    }
    let bearer = bearer.and_then(|bearer| secret(cx, "modelgate.authzen.bearer", "bearer", bearer));
    let url = url.and_then(|text| own_url(cx, &text));
    let listen = address(cx, "authzen.listen", "127.0.0.1:4004", &listen)?;
    Some(Authzen { listen, bearer, url, tls })
}

/// A URL without query and fragment, as AuthZEN wants the identifier of a policy decision point.
fn own_url(cx: &mut Context<'_>, text: &str) -> Option<String> {
    let is_plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    };
    if Url::parse(text).is_ok_and(|url| is_plain(&url)) {
        return Some(text.trim_end_matches('/').to_owned());
    }
    refuse(cx, "authzen.url", "url", "an `https://` or `http://` URL without query and fragment");
    None
}
