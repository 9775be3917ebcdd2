//! `modelgate serve`.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use tracing_subscriber::EnvFilter;

use super::{ConfigArgs, Exit};
use crate::casefile;
use crate::config::JwtAuth;
use crate::engine::{Engine, Snapshot};
use crate::gateway::{Gateway, Server, TokenVerifier};

/// LiteLLM's port, on this machine alone.
pub(super) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4000);

/// How to serve.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where to listen [default: `modelgate.listen`, else 127.0.0.1:4000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

pub(super) fn run(args: &ServeArgs) -> miette::Result<Exit> {
    log();
    let snapshot = args.config.snapshot()?;
    casefile::check(&snapshot)?;
    let listen = args.listen.or(snapshot.config().gateway.listen).unwrap_or(DEFAULT_LISTEN);
    runtime()?.block_on(async {
        let server = Server::bind(listen, gateway(snapshot)?).await.map_err(super::failed)?;
        tracing::info!("listening on http://{}", server.local_addr().map_err(super::failed)?);
        server.run(stop_signal().map_err(super::failed)?).await;
        tracing::info!("stopped");
        Ok(Exit::Yes)
    })
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
