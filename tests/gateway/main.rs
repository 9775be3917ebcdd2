//! The gateway over real sockets: a client and an upstream that speak raw bytes, and a provider whose keys are a file.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod admin;
mod admin_auth;
mod attacked;
mod authorizer;
mod authzen;
mod authzen_attacked;
mod authzen_own;
mod bedrock;
mod bundle;
mod capture;
mod client_certificates;
mod configured;
mod cors;
mod credentials;
mod doors_agree;
mod doors_recorded;
mod encodings;
mod entra;
mod error_shapes;
mod exhaustion;
mod ext_authz;
mod fixture;
mod floods;
mod forward_auth;
mod forwarding;
mod frames;
mod http2;
mod issuers;
#[path = "../support/key.rs"]
mod key;
mod limits;
mod log;
mod metrics;
mod model_lists;
mod nginx;
mod opaque;
mod places;
mod policies;
mod references_attacked;
mod references_lists;
mod references_messages;
mod references_modes;
mod references_owners;
mod references_remembered;
mod references_uploads;
mod refusing;
mod reload;
mod router_cooldowns;
mod router_fallbacks;
mod router_faults;
mod router_fixture;
mod router_matrix;
mod router_reloads;
mod router_sockets;
mod sending;
mod sequences;
mod smuggling;
mod streaming;
mod tls;
mod tower;
mod tower_agree;
mod tower_servers;
mod unchanged;
mod vertex;
mod websocket_attacked;
mod websocket_fixture;
mod websocket_frames;
mod websocket_judging;
mod websocket_upstreams;

#[path = "../support/cases.rs"]
mod cases;
#[path = "../support/skip.rs"]
mod skip;
