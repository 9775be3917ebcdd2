//! A service of axum behind the rules of a LiteLLM file:
//! `JWT_PUBLIC_KEY_URL=https://idp.example.com/keys cargo run --example axum -- examples/azure-ad.yaml 127.0.0.1:8000`.
//!
//! The handlers get permitted requests alone. The layer answers all others, and the lists of models.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::routing::post;
use axum::{Extension, Router};
use miette::IntoDiagnostic as _;
use modelgate::engine::Permit;
use modelgate::gateway::Authorizer;
use modelgate::tower::AuthorizeLayer;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> miette::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let config = arguments.next().unwrap_or_else(|| "config.yaml".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8000".to_owned());

    // Reads the file, follows its changes, and fetches the keys of the provider.
    let authorizer = Authorizer::start(config.as_str()).await?;
    let layer = AuthorizeLayer::new(authorizer)
        .with_peer(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()));
    let app = Router::new().route("/v1/chat/completions", post(chat)).layer(layer);

    let listener = TcpListener::bind(address).await.into_diagnostic()?;
    println!("listening on http://{}", listener.local_addr().into_diagnostic()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.into_diagnostic()
}

/// A model of this process would run here.
async fn chat(Extension(permit): Extension<Arc<Permit>>, body: String) -> String {
    let model = permit.model().map_or("no model", |model| model.as_str());
    format!("{model} got {} bytes", body.len())
}
