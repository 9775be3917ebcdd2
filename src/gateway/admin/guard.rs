//! Protects the admin listener from web pages.
//!
//! An operator's browser can reach the listener, so any page may make it send requests there. Such a page uses its own
//! name, which it points at the listener's address (DNS rebinding), or the browser marks the request as cross-site.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderName, Version};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The reason why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stranger {
    #[error("the request has no valid `Host`")]
    NoHost,
    #[error("the `Host` is not a name of the admin listener: list it in `modelgate.admin_hosts`")]
    Host,
    #[error("the request comes from a page of another site")]
    CrossSite,
}

/// Whether the headers show that a request does not come from a foreign page. `listen` is the address of the listener, or
/// `None` for a Unix socket.
pub(super) fn check(head: &Parts, listen: Option<SocketAddr>, hosts: &[String]) -> Result<(), Stranger> {
    let authority = authority(head)?;
    if let Some(authority) = &authority
        && !is_ours(authority, listen, hosts)
    {
        return Err(Stranger::Host);
    }
    // An absolute request target also contains the host (RFC 9112 section 3.2.2).
    if head.uri.authority().is_some_and(|authority| !is_ours(authority, listen, hosts)) {
        return Err(Stranger::Host);
    }
    let is_same_site = |site: &[u8]| matches!(site, b"same-origin" | b"none");
    if !head.headers.get_all(SEC_FETCH_SITE).iter().all(|site| is_same_site(site.as_bytes())) {
        return Err(Stranger::CrossSite);
    }
    let is_same_origin =
        |origin: &[u8]| authority.as_ref().is_some_and(|authority| is_origin_of(origin, authority));
    if !head.headers.get_all(ORIGIN).iter().all(|origin| is_same_origin(origin.as_bytes())) {
        return Err(Stranger::CrossSite);
    }
    Ok(())
}

/// The name that the request uses for the listener. Browsers always send one; HTTP/1.0 clients may not.
fn authority(head: &Parts) -> Result<Option<Authority>, Stranger> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(Stranger::NoHost),
        (Some(host), None) => Some(Authority::try_from(host.as_bytes()).map_err(|_| Stranger::NoHost)?),
        (None, _) => head.uri.authority().cloned(),
    };
    match host {
        Some(authority) if authority.as_str().contains('@') => Err(Stranger::NoHost),
        None if head.version != Version::HTTP_10 => Err(Stranger::NoHost),
        host => Ok(host),
    }
}

/// Whether an address is allowed as the host. DNS rebinding needs a name, so an address was chosen by the client.
/// Addresses other than the listener's are still refused, unless it listens on all addresses.
fn is_ours(authority: &Authority, listen: Option<SocketAddr>, hosts: &[String]) -> bool {
    let host = authority.host().trim_end_matches('.');
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        let (address, listen) = (address.to_canonical(), listen.map(|listen| listen.ip().to_canonical()));
        return address.is_loopback()
            || listen.is_some_and(|listen| address == listen || listen.is_unspecified());
    }
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost") || hosts.iter().any(|known| fits(known, &host))
}

/// `.name` matches all names below it.
fn fits(known: &str, host: &str) -> bool {
    if known.starts_with('.') { host.ends_with(known) } else { host == known }
}

fn is_origin_of(origin: &[u8], authority: &Authority) -> bool {
    let Ok(origin) = std::str::from_utf8(origin) else { return false };
    let named = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    named.is_some_and(|named| named.eq_ignore_ascii_case(authority.as_str()))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn checked(listen: &str, headers: &[(&str, &str)]) -> Result<(), Stranger> {
        let mut request = Request::get("/metrics");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let hosts = ["gate.internal".to_owned(), ".svc.cluster.local".to_owned()];
        check(&request.body(()).unwrap().into_parts().0, listen.parse().ok(), &hosts)
    }

    #[test]
    fn names_of_this_machine_the_listening_address_and_listed_names_are_answered() {
        let hosts = [
            "localhost:4001",
            "LOCALHOST",
            "localhost.:4001",
            "gate.localhost",
            "127.0.0.1:4001",
            "127.1.2.3",
            "[::1]:4001",
            "[::ffff:127.0.0.1]",
            "10.0.0.7:4001",
            "Gate.Internal:4001",
            "gate.ops.svc.cluster.local",
        ];
        for host in hosts {
            assert_eq!(checked("10.0.0.7:4001", &[("host", host)]), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_names_and_addresses_are_refused() {
        let hosts = [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.8",
            "notgate.internal",
            "gate.internal.evil.example",
            "svc.cluster.local",
            "0.0.0.0:4001",
        ];
        for host in hosts {
            assert_eq!(checked("10.0.0.7:4001", &[("host", host)]), Err(Stranger::Host), "{host}");
        }
    }

    #[test]
    fn a_listener_on_all_addresses_is_called_by_any_of_them() {
        for listen in ["0.0.0.0:4001", "[::]:4001"] {
            assert_eq!(checked(listen, &[("host", "192.168.1.5:4001")]), Ok(()));
            assert_eq!(checked(listen, &[("host", "[fd00::7]")]), Ok(()));
            assert_eq!(checked(listen, &[("host", "evil.example")]), Err(Stranger::Host));
        }
    }

    #[test]
    fn a_host_that_is_missing_twice_there_or_malformed_is_refused() {
        let listen = "127.0.0.1:4001";
        assert_eq!(checked(listen, &[]), Err(Stranger::NoHost));
        assert_eq!(checked(listen, &[("host", "localhost"), ("host", "localhost")]), Err(Stranger::NoHost));
        for host in ["", "a b", "user@localhost", "localhost/x"] {
            assert_eq!(checked(listen, &[("host", host)]), Err(Stranger::NoHost), "{host}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let with = |name: &'static str, value: &'static str| {
            checked("127.0.0.1:4001", &[("host", "localhost:4001"), (name, value)])
        };
        for site in ["cross-site", "same-site", "", "Same-Origin", "none, cross-site"] {
            assert_eq!(with("sec-fetch-site", site), Err(Stranger::CrossSite), "{site}");
        }
        let origins = [
            "null",
            "http://evil.example",
            "http://localhost",
            "http://localhost:4002",
            "file://localhost:4001",
            "",
        ];
        for origin in origins {
            assert_eq!(with("origin", origin), Err(Stranger::CrossSite), "{origin}");
        }
        for (name, value) in [
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
            ("origin", "http://localhost:4001"),
        ] {
            assert_eq!(with(name, value), Ok(()), "{value}");
        }
    }
}
