//! TLS as both sides of the gateway need it: the certificates it trusts, the one it shows, and connectors.
//!
//! In come PEM files and this machine's root certificates. Out go rustls' configurations and connectors, for providers of
//! keys, upstreams, bundles of policies and the collector of traces.

pub(super) mod certificate;
pub(super) mod connector;
pub(super) mod egress_proxy;
pub(super) mod native_roots;
