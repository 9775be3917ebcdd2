//! `modelgate demo`: runs the documented example, with an identity provider and an upstream, in one process.
//!
//! `provider` issues tokens, and `upstream` answers in place of a model. `script` prints the commands to
//! paste. `tour` sends the requests of `steps` with `client`, and prints each `answer`.

mod answer;
mod client;
mod provider;
mod script;
mod session;
mod steps;
mod tour;
mod upstream;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clap::Args;

use super::api::Api;
use super::output::Exit;
use super::serve::{self, DEFAULT_ADMIN, DEFAULT_LISTEN};
use crate::gateway::{Admin, Reloader, Server};
use crate::sources::Sources;
use provider::Provider;
use session::{Demo, Files};

/// Port 0: the system chooses a free port.
const FREE_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The arguments of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Send the requests, explain each answer, and exit
    #[arg(long)]
    tour: bool,
    /// The address of the gateway. The identity provider and the upstream use free ports
    /// [default: 127.0.0.1:4000, or a free port with --tour]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

pub(super) fn run(args: &DemoArgs) -> miette::Result<Exit> {
    // The tour prints its own progress.
    if !args.tour || std::env::var_os("RUST_LOG").is_some() {
        serve::log();
    }
    super::runtime()?.block_on(demo(args))
}

async fn demo(args: &DemoArgs) -> miette::Result<Exit> {
    let provider = Provider::start().await.map_err(super::failed)?;
    let upstream = upstream::start().await.map_err(super::failed)?;

    // The unchanged example. Keys come from the demo's provider, and every model uses the demo's upstream.
    let base = format!("http://{upstream}/v1");
    let variables = HashMap::from([
        ("JWT_PUBLIC_KEY_URL", provider.discovery_url()),
        ("JWT_ISSUER", provider.issuer()),
        ("JWT_AUDIENCE", provider::AUDIENCE.to_owned()),
        ("OPENAI_BASE_URL", base.clone()),
        ("ANTHROPIC_API_BASE", base),
    ]);
    let files = Files::create().map_err(super::failed)?;
    let sources = Sources::new(&files.config(), Some(&files.policies()));
    let read = variables.clone();
    let reloader = Reloader::start(sources, Box::new(move |name| read.get(name).cloned()), None)?;
    let listen = args.listen.unwrap_or(if args.tour { FREE_PORT } else { DEFAULT_LISTEN });
    let server = Server::bind(listen, Arc::clone(reloader.gateway()));
    let server = server.await.map_err(|error| {
        super::failed(format!("{error}; choose another address with `--listen`, such as 127.0.0.1:0"))
    })?;
    let address = server.local_addr().map_err(super::failed)?;
    tokio::spawn(serve::watch(Arc::clone(&reloader)));

    let demo = Demo { address, provider, files, variables };
    let stop = serve::stop_signal().map_err(super::failed)?;
    if args.tour {
        let serving = tokio::spawn(server.run(std::future::pending()));
        let ended = tokio::select! {
            ended = tour::run(&demo) => ended,
            () = stop => Ok(Exit::Yes),
        };
        serving.abort();
        return ended;
    }
    let admin = admin(args, &reloader).await?;
    super::say(script::script(&demo, &admin.place())?);
    let administering = tokio::spawn(admin.run(std::future::pending(), std::future::pending()));
    server.run(stop).await;
    administering.abort();
    Ok(Exit::Yes)
}

/// The admin listener with the console: at its usual port, or at a free one if that is in use or the gateway's was chosen.
async fn admin(args: &DemoArgs, reloader: &Arc<Reloader>) -> miette::Result<Admin> {
    let usual = args.listen.is_none().then_some(DEFAULT_ADMIN);
    let mut bound = None;
    if let Some(address) = usual {
        bound = Admin::bind(address, Arc::clone(reloader)).await.ok();
    }
    let admin = match bound {
        Some(admin) => admin,
        None => Admin::bind(FREE_PORT, Arc::clone(reloader)).await.map_err(super::failed)?,
    };
    Ok(admin.with_api(Api::start(reloader)))
}
