//! Determines the address of a caller behind trusted proxies.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the peer. If the peer is a trusted proxy, the last address in `X-Forwarded-For` that is not
/// a trusted proxy.
///
/// Untrusted parties wrote everything before that address. `None` if the entry of a trusted proxy cannot be
/// parsed. A policy that reads the address then finds none.
pub(in crate::gateway) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut source = peer.to_canonical();
    if !is_trusted(&source) {
        return Some(source);
    }
    let values = headers.get_all(FORWARDED_FOR).iter().rev();
    // The entries of an untrusted peer are ignored. Otherwise it could hide its address with a malformed
    // entry.
    for entry in values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b',')) {
        source = parse(std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']))?;
        if !is_trusted(&source) {
            break;
        }
    }
    Some(source)
}

/// Parses an address with or without a port or brackets, in the forms that proxies write.
fn parse(entry: &str) -> Option<IpAddr> {
    let bare = entry.parse::<IpAddr>().ok();
    let with_port = || entry.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare.or_else(with_port).or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        address(peer.parse().unwrap(), &headers, &trusted).map(|address| address.to_string())
    }

    #[test]
    fn a_peer_that_is_no_proxy_of_ours_is_believed_nothing() {
        assert_eq!(seen("203.0.113.9", &["10.1.1.1"]).as_deref(), Some("203.0.113.9"));
    }

    #[test]
    fn a_stranger_cannot_hide_its_address_behind_bytes_that_are_no_text() {
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, http::HeaderValue::from_bytes(b"\xe9, 198.51.100.7").unwrap());
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let seen = |peer: &str| address(peer.parse().unwrap(), &headers, &trusted).unwrap().to_string();
        assert_eq!(seen("203.0.113.9"), "203.0.113.9");
        assert_eq!(seen("10.0.0.1"), "198.51.100.7");
    }

    #[test]
    fn behind_a_trusted_proxy_the_last_untrusted_address_counts() {
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 198.51.100.7"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(seen("10.0.0.1", &["198.51.100.7, 10.0.0.2"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "198.51.100.7, 10.0.0.2"]).as_deref(), Some("198.51.100.7"));
    }

    #[test]
    fn without_the_header_a_trusted_proxy_is_the_caller() {
        assert_eq!(seen("10.0.0.1", &[]).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn addresses_are_read_with_ports_brackets_and_in_their_mapped_form() {
        assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.7:443"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(seen("fd00::1", &["[2001:db8::1]:80"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(seen("fd00::1", &["[2001:db8::1]"]).as_deref(), Some("2001:db8::1"));
    }

    #[test]
    fn an_entry_that_cannot_be_read_leaves_the_address_unknown() {
        for value in ["unknown", "198.51.100.7, ", "_hidden"] {
            assert_eq!(seen("10.0.0.1", &[value]), None, "{value}");
        }
    }
}
