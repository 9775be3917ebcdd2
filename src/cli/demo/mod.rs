//! `modelgate demo`: the documented example with everything that it needs, in one process.
//!
//! `provider` issues tokens and `upstream` answers in place of a model. `script` prints what to paste; `tour` takes the
//! `steps` itself, with `client`, and shows each `answer`.

mod answer;
mod client;
mod provider;
mod script;
mod steps;
mod tour;
mod upstream;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Exit;
use super::serve::{self, DEFAULT_LISTEN};
use crate::gateway::{Reloader, Server};
use crate::sources::Sources;
use provider::Provider;

const EXAMPLE: &str = include_str!("../../../examples/azure-ad.yaml");

/// Port 0: the system chooses a free port.
const FREE_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How to run the demo.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Send the requests, explain each answer, and end; needs no second terminal and no curl
    #[arg(long)]
    tour: bool,
    /// Where the gateway listens; the identity provider and the upstream take free ports
    /// [default: 127.0.0.1:4000, or a free port with --tour]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// What runs, and the files that can be edited meanwhile.
struct Demo {
    address: SocketAddr,
    provider: Provider,
    files: Files,
    /// What `modelgate serve` would read from the environment.
    variables: HashMap<&'static str, String>,
}

pub(super) fn run(args: &DemoArgs) -> miette::Result<Exit> {
    // The tour says itself what happens.
    if !args.tour || std::env::var_os("RUST_LOG").is_some() {
        serve::log();
    }
    serve::runtime()?.block_on(demo(args))
}

async fn demo(args: &DemoArgs) -> miette::Result<Exit> {
    let provider = Provider::start().await.map_err(super::failed)?;
    let upstream = upstream::start().await.map_err(super::failed)?;

    // The example as it stands, with the demo's own provider for keys and its own upstream for every model.
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
    tokio::spawn(serve::watch(reloader));

    let demo = Demo { address, provider, files, variables };
    let stop = serve::stop_signal().map_err(super::failed)?;
    if args.tour {
        let serving = tokio::spawn(server.run(std::future::pending()));
        let told = tokio::select! {
            told = tour::run(&demo) => told,
            () = stop => Ok(Exit::Yes),
        };
        serving.abort();
        return told;
    }
    super::say(script::script(&demo)?);
    server.run(stop).await;
    Ok(Exit::Yes)
}

/// The example and a directory for policies, to be edited while the demo runs; removed when it ends.
struct Files(PathBuf);

impl Files {
    fn create() -> std::io::Result<Self> {
        let files = Self(std::env::temp_dir().join(format!("modelgate-demo-{}", std::process::id())));
        // Never a directory that somebody else has made.
        std::fs::create_dir(&files.0)?;
        std::fs::create_dir(files.policies())?;
        std::fs::write(files.config(), EXAMPLE)?;
        std::fs::write(files.policy(), "// Rules that the YAML cannot say go here.\n")?;
        Ok(files)
    }

    fn config(&self) -> PathBuf {
        self.0.join("config.yaml")
    }

    fn policies(&self) -> PathBuf {
        self.0.join("policies")
    }

    /// The policy that the demo changes.
    fn policy(&self) -> PathBuf {
        self.policies().join("mine.cedar")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // If removing fails, a copy of the example stays behind in the system's directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
