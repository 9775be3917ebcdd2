//! What a layer hands to its services.

use std::net::IpAddr;

use http::Extensions;

use super::bodies::RequestBody;
use crate::gateway::doors::authorizer::Authorizer;

/// The settings of a layer.
pub(super) struct Settings<B> {
    pub(super) authorizer: Authorizer,
    pub(super) keeps_credential: bool,
    pub(super) peer: fn(&Extensions) -> Option<IpAddr>,
    pub(super) body: fn(RequestBody) -> B,
}

// A derived implementation would demand that the body can be cloned.
impl<B> Clone for Settings<B> {
    fn clone(&self) -> Self {
        let Self { authorizer, keeps_credential, peer, body } = self;
        Self { authorizer: authorizer.clone(), keeps_credential: *keeps_credential, peer: *peer, body: *body }
    }
}
