//! `modelgate demo`: the documented example with everything that it needs, in one process.

mod provider;
mod upstream;

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;

use super::Exit;
use super::serve::{self, DEFAULT_LISTEN};
use crate::config::Config;
use crate::engine::Snapshot;
use crate::gateway::{Gateway, InForce, Server, TokenVerifier};
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
    let environment = |name: &str| match name {
        "JWT_PUBLIC_KEY_URL" => Some(provider.discovery_url()),
        "JWT_ISSUER" => Some(provider.issuer()),
        "JWT_AUDIENCE" => Some(provider::AUDIENCE.to_owned()),
        _ => None,
    };
    let mut config = Config::parse("examples/azure-ad.yaml", EXAMPLE, ".".as_ref(), &environment)?;
    for deployment in config.models.iter_mut().filter_map(|model| model.deployment.as_mut()) {
        deployment.provider = crate::config::Provider::OpenAi;
        deployment.api_base = format!("http://{upstream}/v1").parse().map_err(super::failed)?;
    }

    let tokens = config.jwt.as_ref().map(|jwt| TokenVerifier::new(&jwt.tokens));
    let verifier = tokens.transpose().map_err(super::failed)?;
    let gateway = Gateway::new(InForce::new(Snapshot::build(config)?, verifier)).map_err(super::failed)?;
    let server = Server::bind(listen, Arc::new(gateway)).await.map_err(super::failed)?;
    let address = server.local_addr().map_err(super::failed)?;
    println!("{}", script(address, &provider)?);
    server.run(serve::stop_signal().map_err(super::failed)?).await;
    Ok(Exit::Yes)
}

/// What to paste into another terminal.
fn script(address: SocketAddr, provider: &Provider) -> miette::Result<String> {
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
         curl -si http://{address}/v1/models\n",
        basic = token(&["basic_user"])?,
        other = token(&["guest"])?,
        allowed = chat("anthropic-claude", ""),
        denied = chat("openai-gpt-4o", ""),
        streamed = chat("anthropic-claude", ", \"stream\": true"),
    ))
}
