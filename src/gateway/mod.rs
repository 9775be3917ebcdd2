//! The gateway: everything that waits for the network.

pub mod keys;
