//! TLS for both sides of the gateway: trusted roots, the certificates of listeners, and connectors.
//!
//! Input: PEM files and this machine's root certificates. Output: rustls configurations and connectors. They serve
//! providers of keys, upstreams, bundles of policies and the trace collector.

pub(super) mod connector;
pub(super) mod egress_proxy;
pub(super) mod native_roots;
pub(super) mod server;
