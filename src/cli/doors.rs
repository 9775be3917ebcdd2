//! The listeners of `modelgate serve` for other proxies.

use std::sync::Arc;

use crate::gateway::{AuthzenServer, ExtAuthzServer, ForwardAuthServer, Gateway};

/// The listeners that the configuration has.
pub(super) struct Doors {
    forward_auth: Option<ForwardAuthServer>,
    ext_authz: Option<ExtAuthzServer>,
    authzen: Option<AuthzenServer>,
}

impl Doors {
    pub(super) async fn bind(gateway: &Arc<Gateway>) -> miette::Result<Self> {
        let generation = gateway.active();
        let settings = &generation.snapshot().config().gateway;
        let forward_auth = match &settings.forward_auth {
            Some(settings) => {
                let server = ForwardAuthServer::bind(settings, Arc::clone(gateway)).await;
                let server = server.map_err(|error| in_use("forward-auth", "forward_auth", error))?;
                let address = server.local_addr().map_err(super::failed)?;
                tracing::info!("proxies may ask at http://{address}/-/authorize");
                Some(server)
            }
            None => None,
        };
        let ext_authz = match &settings.ext_authz {
            Some(settings) => {
                let server = ExtAuthzServer::bind(settings, Arc::clone(gateway)).await;
                let server = server.map_err(|error| in_use("ext_authz", "ext_authz", error))?;
                match server.local_addr().map_err(super::failed)? {
                    Some(address) => tracing::info!("Envoy may ask at {address}"),
                    None => tracing::info!("Envoy may ask at the Unix socket of `modelgate.ext_authz`"),
                }
                Some(server)
            }
            None => None,
        };
        let authzen = match &settings.authzen {
            Some(settings) => {
                let server = AuthzenServer::bind(settings, Arc::clone(gateway)).await;
                let server = server.map_err(|error| in_use("AuthZEN", "authzen", error))?;
                let address = server.local_addr().map_err(super::failed)?;
                let scheme = if settings.tls.is_some() { "https" } else { "http" };
                tracing::info!("enforcement points may ask at {scheme}://{address}/access/v1/evaluation");
                Some(server)
            }
            None => None,
        };
        Ok(Self { forward_auth, ext_authz, authzen })
    }

    /// Answers until `stopping` completes, then lets questions in flight finish.
    pub(super) async fn run<S: Future<Output = ()>>(self, stopping: impl Fn() -> S) {
        let forward_auth = async {
            if let Some(server) = self.forward_auth {
                server.run(stopping()).await;
            }
        };
        let ext_authz = async {
            if let Some(server) = self.ext_authz {
                server.run(stopping()).await;
            }
        };
        let authzen = async {
            if let Some(server) = self.authzen {
                server.run(stopping()).await;
            }
        };
        tokio::join!(forward_auth, ext_authz, authzen);
    }
}

fn in_use(name: &str, key: &str, error: impl std::fmt::Display) -> miette::Report {
    super::failed(format!("the {name} listener: {error}; change `modelgate.{key}.listen`"))
}
