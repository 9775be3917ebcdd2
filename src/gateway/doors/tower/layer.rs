//! The layer and its settings.

use std::fmt;
use std::net::IpAddr;

use http::Extensions;
use tower_layer::Layer;

use super::bodies::RequestBody;
use super::service::Authorize;
use super::settings::Settings;
use crate::gateway::doors::authorizer::Authorizer;

/// The address that a request comes from: an extension of the request that the server sets before this layer.
/// [`AuthorizeLayer::with_peer`] reads another extension instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Decides requests before a service gets them. The service gets permitted requests alone, and finds the
/// [`Permit`](crate::engine::Permit) as an `Arc<Permit>` in their extensions.
///
/// `B` is the type of the body that the service takes. Routers of axum and tonic take any.
pub struct AuthorizeLayer<B = RequestBody> {
    settings: Settings<B>,
}

impl AuthorizeLayer {
    /// A layer that removes the caller's credential from permitted requests, and reads the address of the peer in the
    /// extension [`Peer`].
    #[must_use]
    pub fn new(authorizer: Authorizer) -> Self {
        let peer = |extensions: &Extensions| extensions.get::<Peer>().map(|peer| peer.0);
        Self {
            settings: Settings { authorizer, keeps_credential: false, peer, body: std::convert::identity },
        }
    }
}

impl<B> AuthorizeLayer<B> {
    /// Leaves the caller's headers as they are. Otherwise, those with a credential are removed, and those that choose a model, a
    /// deployment or an account.
    #[must_use]
    pub fn keep_credential(mut self) -> Self {
        self.settings.keeps_credential = true;
        self
    }

    /// Reads the address of the peer in the extensions of a request. Without an address, a policy that reads it denies.
    ///
    /// With axum, it is in `ConnectInfo<SocketAddr>`: `|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip())`. With
    /// tonic, it is in `TcpConnectInfo`. Proxies in `modelgate.trusted_proxies` are skipped, as in the gateway.
    #[must_use]
    pub fn with_peer(mut self, peer: fn(&Extensions) -> Option<IpAddr>) -> Self {
        self.settings.peer = peer;
        self
    }

    /// For a service that takes bodies of one type: `axum::body::Body::new`, `tonic::body::Body::new`, or
    /// `|body| Full::new(body.into_bytes())`.
    #[must_use]
    pub fn with_body<C>(self, body: fn(RequestBody) -> C) -> AuthorizeLayer<C> {
        let Settings { authorizer, keeps_credential, peer, .. } = self.settings;
        AuthorizeLayer { settings: Settings { authorizer, keeps_credential, peer, body } }
    }
}

impl<S, B> Layer<S> for AuthorizeLayer<B> {
    type Service = Authorize<S, B>;

    fn layer(&self, inner: S) -> Authorize<S, B> {
        Authorize::new(inner, self.settings.clone())
    }
}

impl<B> Clone for AuthorizeLayer<B> {
    fn clone(&self) -> Self {
        Self { settings: self.settings.clone() }
    }
}

impl<B> fmt::Debug for AuthorizeLayer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keeps_credential = self.settings.keeps_credential;
        f.debug_struct("AuthorizeLayer").field("keeps_credential", &keeps_credential).finish_non_exhaustive()
    }
}
