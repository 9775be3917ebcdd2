//! `modelgate serve`.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use super::{ConfigArgs, Exit};
use crate::config::{AdminListen, JwtAuth};
use crate::engine::{Engine, Snapshot};
use crate::gateway::{Admin, Gateway, Server, TokenVerifier};

/// LiteLLM's port, on this machine alone.
pub(super) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4000);
const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4001);

/// How to serve.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where to listen [default: `modelgate.listen`, else 127.0.0.1:4000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where operators ask for health and state, or `off`; whoever reaches it needs no credential
    /// [default: `modelgate.admin`, else 127.0.0.1:4001]
    #[arg(long, value_name = "ADDR")]
    admin: Option<AdminListen>,
}

pub(super) fn run(args: &ServeArgs) -> miette::Result<Exit> {
    log();
    let snapshot = args.config.snapshot()?;
    let listen = args.listen.or(snapshot.config().gateway.listen).unwrap_or(DEFAULT_LISTEN);
    let admin = args.admin.or(snapshot.config().gateway.admin).unwrap_or(AdminListen::At(DEFAULT_ADMIN));
    runtime()?.block_on(async {
        let gateway = gateway(snapshot)?;
        super::observing::observe(&gateway)?;
        let server = Server::bind(listen, Arc::clone(&gateway)).await.map_err(super::failed)?;
        let admin = bind_admin(admin, gateway).await?;
        tracing::info!("listening on http://{}", server.local_addr().map_err(super::failed)?);
        let stop = stop_signal().map_err(super::failed)?;
        // Each is over when its sender is dropped.
        let ((draining, drains), (drained, ended)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
        let serving = async {
            let stopped = async {
                stop.await;
                drop(draining);
            };
            server.run(stopped).await;
            drop(drained);
        };
        let administration = async {
            if let Some(admin) = admin {
                admin.run(async { drop(drains.await) }, async { drop(ended.await) }).await;
            }
        };
        tokio::join!(serving, administration);
        tracing::info!("stopped");
        Ok(Exit::Yes)
    })
}

async fn bind_admin(listen: AdminListen, gateway: Arc<Gateway>) -> miette::Result<Option<Admin>> {
    let AdminListen::At(address) = listen else { return Ok(None) };
    let admin = Admin::bind(address, gateway).await.map_err(|error| {
        super::failed(format!(
            "the admin listener: {error}; choose another address with `--admin`, or `--admin off`"
        ))
    })?;
    tracing::info!("the admin listener is on http://{}", admin.local_addr().map_err(super::failed)?);
    Ok(Some(admin))
}

pub(super) fn runtime() -> miette::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(super::failed)
}

/// Logs to standard error, at the level that `RUST_LOG` says.
pub(super) fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
}

/// A gateway for a configuration that somebody can use. It begins to fetch keys; the caller is in a runtime.
pub(super) fn gateway(snapshot: Snapshot) -> miette::Result<Arc<Gateway>> {
    let config = snapshot.config();
    if config.jwt.is_none() && config.master_key.is_none() {
        return Err(super::failed(
            "nobody could get in: neither `general_settings.enable_jwt_auth` nor `general_settings.master_key` is set",
        ));
    }
    if !config.foreign_blocks.is_empty() {
        tracing::info!("ignored, not modelgate's: {}", config.foreign_blocks.join(", "));
    }
    let verifier = match &config.jwt {
        Some(JwtAuth { tokens, .. })
            if tokens.key_urls.is_empty() && tokens.issuers.is_empty() && tokens.opaque.is_none() =>
        {
            return Err(super::failed(
                "no keys to verify tokens with: set JWT_PUBLIC_KEY_URL to the provider's JWKS or discovery document, \
                 or list its issuer in `litellm_jwtauth.issuers`",
            ));
        }
        Some(jwt) => Some(TokenVerifier::new(&jwt.tokens).map_err(super::failed)?),
        None => None,
    };
    let gateway = Arc::new(Gateway::new(Engine::new(snapshot), verifier).map_err(super::failed)?);
    // Beside the start, not before it: a provider that is down must not keep the tokens of another out.
    let warming = Arc::clone(&gateway);
    tokio::spawn(async move { warming.warm_up().await });
    Ok(gateway)
}

/// Completes at SIGTERM or SIGINT.
pub(super) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
