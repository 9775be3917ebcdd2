//! `modelgate demo`: the documented example with everything that it needs, in one process.

mod provider;
mod upstream;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Exit;
use super::serve::{self, DEFAULT_LISTEN};
use crate::gateway::{Reloader, Server};
use crate::sources::Sources;
use provider::Provider;

const EXAMPLE: &str = include_str!("../../../examples/azure-ad.yaml");

/// How to run the demo.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Where the gateway listens; the identity provider and the upstream take free ports
    #[arg(long, value_name = "ADDR", default_value_t = DEFAULT_LISTEN)]
    listen: SocketAddr,
}

pub(super) fn run(args: &DemoArgs) -> miette::Result<Exit> {
    serve::log();
    serve::runtime()?.block_on(demo(args.listen))
}

async fn demo(listen: SocketAddr) -> miette::Result<Exit> {
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
    let reloader = Reloader::start(sources, Box::new(move |name| variables.get(name).cloned()), None)?;
    let server = Server::bind(listen, Arc::clone(reloader.gateway())).await.map_err(super::failed)?;
    let address = server.local_addr().map_err(super::failed)?;
    tokio::spawn(serve::watch(reloader));
    println!("{}", script(address, &provider, &files)?);
    server.run(serve::stop_signal().map_err(super::failed)?).await;
    Ok(Exit::Yes)
}

/// The example and a directory for policies, to be edited while the demo runs; gone when it ends.
struct Files(PathBuf);

impl Files {
    fn create() -> std::io::Result<Self> {
        let files = Self(std::env::temp_dir().join(format!("modelgate-demo-{}", std::process::id())));
        // Never a directory that somebody else has made.
        std::fs::create_dir(&files.0)?;
        std::fs::create_dir(files.policies())?;
        std::fs::write(files.config(), EXAMPLE)?;
        std::fs::write(files.policies().join("mine.cedar"), "// Rules that the YAML cannot say go here.\n")?;
        Ok(files)
    }

    fn config(&self) -> PathBuf {
        self.0.join("config.yaml")
    }

    fn policies(&self) -> PathBuf {
        self.0.join("policies")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left behind is a copy of the example, in a directory for what is left behind.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What to paste into another terminal.
fn script(address: SocketAddr, provider: &Provider, files: &Files) -> miette::Result<String> {
    let token = |roles: &[&str]| provider.token(roles).map_err(super::failed);
    let chat = |model: &str, extra: &str| {
        format!(
            "curl -sN -w '\\n' http://{address}/v1/chat/completions -H \"Authorization: Bearer $TOKEN\" \\\n  \
             -H 'Content-Type: application/json' \\\n  \
             -d '{{\"model\": \"{model}\"{extra}, \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'"
        )
    };
    Ok(format!(
        "\n# modelgate runs examples/azure-ad.yaml on http://{address}\n\
         # Paste these into another terminal. The tokens are good for an hour.\n\n\
         export TOKEN={basic}\n\
         export OTHER_TOKEN={other}\n\n\
         # 1. allowed: the role `basic_user` may use this model\n{allowed}\n\n\
         # 2. denied: it may not use this one (403)\n{denied}\n\n\
         # 3. a streamed answer\n{streamed}\n\n\
         # 4. the models that it may use\ncurl -s -w '\\n' http://{address}/v1/models -H \"Authorization: Bearer $TOKEN\"\n\n\
         # 5. a token without the role (403), and no token at all (401)\n\
         curl -s -w '\\n' http://{address}/v1/models -H \"Authorization: Bearer $OTHER_TOKEN\"\n\
         curl -si http://{address}/v1/models\n\n\
         # 6. rules change while it runs: write a policy, and send the first request again (403, with this reason)\n\
         echo '@reason(\"closed by hand\") forbid (principal, action == Action::\"use_model\", resource);' > {policy}\n\n\
         # 7. break it: the rules of before still hold, and this terminal says where the mistake is\n\
         echo 'forbid (principal' > {policy}\n\n\
         # 8. the configuration is in the same directory: {config}\n",
        policy = files.policies().join("mine.cedar").display(),
        config = files.config().display(),
        basic = token(&["basic_user"])?,
        other = token(&["guest"])?,
        allowed = chat("anthropic-claude", ""),
        denied = chat("openai-gpt-4o", ""),
        streamed = chat("anthropic-claude", ", \"stream\": true"),
    ))
}
