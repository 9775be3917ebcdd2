//! `modelgate serve`: verifies, decides and forwards requests.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tracing_subscriber::EnvFilter;

use super::api::Api;
use super::args::ConfigArgs;
use super::doors::Doors;
use super::load::{self, Brought, runtime};
use super::output::Exit;
use crate::casefile;
use crate::config::AdminListen;
use crate::gateway::{ActivationCheck, Admin, Origin, Reloader, Server};
use crate::sources::Sources;

/// LiteLLM's port, on the loopback address.
pub(super) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4000);
pub(super) const DEFAULT_ADMIN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4001);

/// The signal for exceeding the file size limit. Tokio has no name for it.
const SIGXFSZ: SignalKind = SignalKind::from_raw(25);

/// The arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The address to listen on [default: `modelgate.listen`, else 127.0.0.1:4000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The address of the admin listener, `unix:` and the path of a socket, or `off`. Other addresses than loopback
    /// addresses need `modelgate.admin_auth` [default: `modelgate.admin`, else 127.0.0.1:4001]
    #[arg(long, value_name = "ADDR")]
    admin: Option<AdminListen>,
    /// A shadow configuration. It also decides every request; disagreements are logged and counted, never enforced
    #[arg(long, value_name = "FILE")]
    shadow_config: Option<PathBuf>,
    /// Shadow policies, for the shadow configuration or, without one, for the active configuration
    #[arg(long, value_name = "DIR")]
    shadow_policies: Option<PathBuf>,
}

impl ServeArgs {
    fn sources(&self, brought: Option<&Brought>) -> Sources {
        let (config, policies) = (self.shadow_config.as_deref(), self.shadow_policies.as_deref());
        let has_shadow = config.is_some() || policies.is_some();
        let shadow = || Sources::new(config.unwrap_or(&self.config.config), policies);
        load::sources(&self.config, brought).with_shadow(has_shadow.then(shadow))
    }
}

pub(super) fn run(args: &ServeArgs) -> miette::Result<Exit> {
    log();
    let runtime = runtime()?;
    let outcome = runtime.block_on(serve(args));
    // Requests have had their time to finish. A blocked read of a file must not delay the exit.
    runtime.shutdown_background();
    outcome
}

async fn serve(args: &ServeArgs) -> miette::Result<Exit> {
    let check: ActivationCheck =
        Box::new(|snapshot| casefile::check(snapshot).map_err(|error| error.to_string()));
    let brought = load::bring(&args.config).await?;
    let sources = args.sources(brought.as_ref());
    // The proofs that the configuration demands may take a while.
    let start = move || Reloader::start(sources, Box::new(super::environment), Some(check));
    let reloader = tokio::task::spawn_blocking(start).await.map_err(super::failed)??;
    let gateway = reloader.gateway();
    let generation = gateway.active();
    let config = generation.snapshot().config();
    gateway.observers().start(&config.gateway).map_err(super::failed)?;
    super::warn(generation.snapshot(), generation.origin().and_then(Origin::without_policies));
    if !config.ignored.is_empty() {
        let keys: Vec<_> = config.ignored.iter().map(|ignored| ignored.key.as_str()).collect();
        tracing::info!("ignored, not modelgate's: {}", keys.join(", "));
    }
    let listen = args.listen.or(config.gateway.listen).unwrap_or(DEFAULT_LISTEN);
    let admin =
        args.admin.clone().or_else(|| config.gateway.admin.clone()).unwrap_or(AdminListen::At(DEFAULT_ADMIN));
    let server = Server::bind(listen, Arc::clone(gateway)).await.map_err(super::failed)?;
    let admin = bind_admin(admin, Arc::clone(&reloader)).await?;
    let doors = Doors::bind(gateway).await?;
    let (stop, hangups) = (stop_signal().map_err(super::failed)?, hangups(Arc::clone(&reloader)));
    let hangups = hangups.map_err(super::failed)?;
    let scheme = if config.gateway.tls.is_some() { "https" } else { "http" };
    tracing::info!("listening on {scheme}://{}", server.local_addr().map_err(super::failed)?);
    tell_systemd(NotifyState::Ready);
    // Runs concurrently with the start, so a provider that is down does not block tokens of another provider.
    tokio::spawn(async move { generation.warm_up().await });
    // Without a handler, exceeding the file size limit ends the process. With a handler, the write fails.
    let _outgrown = signal(SIGXFSZ).map_err(super::failed)?;
    tokio::spawn(hangups);
    if let Some(Brought { mirror, every }) = brought {
        tokio::spawn(Arc::clone(&reloader).follow(mirror, every));
    }
    tokio::spawn(watch(reloader));

    // Each receiver completes when its sender is dropped.
    let ((draining, drains), (drained, ended)) = (watch::channel(()), oneshot::channel::<()>());
    let stopping = |mut drains: watch::Receiver<()>| async move { while drains.changed().await.is_ok() {} };
    let doors = doors.run(|| stopping(drains.clone()));
    let serving = async {
        let stopped = async {
            stop.await;
            tell_systemd(NotifyState::Stopping);
            drop(draining);
        };
        tokio::join!(server.run(stopped), doors);
        drop(drained);
    };
    let administration = async {
        if let Some(admin) = admin {
            admin.run(stopping(drains.clone()), async { drop(ended.await) }).await;
        }
    };
    tokio::join!(serving, administration);
    tracing::info!("stopped");
    Ok(Exit::Yes)
}

/// Does nothing unless the process is a service of systemd with `Type=notify`.
fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("systemd cannot be told of the state: {error}");
    }
}

pub(super) async fn watch(reloader: Arc<Reloader>) {
    if let Err(error) = reloader.watch().await {
        tracing::warn!("files are not watched: {error}; SIGHUP and `POST /-/reload` reload them");
    }
}

/// Reloads the configuration at each SIGHUP.
fn hangups(reloader: Arc<Reloader>) -> std::io::Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            let outcome = reloader.reload().await;
            tracing::info!(?outcome, "reloaded at SIGHUP");
        }
    })
}

async fn bind_admin(listen: AdminListen, reloader: Arc<Reloader>) -> miette::Result<Option<Admin>> {
    let bound = match &listen {
        AdminListen::Off => return Ok(None),
        AdminListen::At(address) => Admin::bind(*address, Arc::clone(&reloader)).await,
        AdminListen::Unix(path) => Admin::bind_unix(path, Arc::clone(&reloader)).await,
    };
    let admin = bound.map_err(|error| {
        super::failed(format!(
            "the admin listener: {error}; choose another address with `--admin`, or `--admin off`"
        ))
    })?;
    tracing::info!("the admin listener is on {}", admin.place());
    Ok(Some(admin.with_api(Api::start(&reloader))))
}

/// Logs to standard error, at the level of `RUST_LOG`.
pub(super) fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
}

/// Completes at SIGTERM or SIGINT.
pub(super) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
