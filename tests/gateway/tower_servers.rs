//! The tower layer in the servers of axum, tonic and hyper.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::ConnectInfo;
use axum::routing::{any, post};
use axum::{Extension, Router};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use modelgate::engine::Permit;
use modelgate::gateway::Authorizer;
use modelgate::sources::Sources;
use modelgate::tower::AuthorizeLayer;
use tokio::net::TcpListener;
use tonic::server::NamedService;
use tonic::transport::Endpoint;
use tower::{Layer as _, Service as _, ServiceBuilder, service_fn};

use crate::fixture::{Fixture, Message, bearer, read_message, send, soon, yaml};
use crate::tower::{ALLOWED, CHAT, DENIED, layer};

async fn ask(address: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> Message {
    soon(read_message(&mut send(address, method, path, &bearer(token), body).await)).await
}

async fn model(Extension(permit): Extension<Arc<Permit>>, body: String) -> String {
    format!("{} {}", permit.model().unwrap().as_str(), body.len())
}

/// Serves a router on a free port until the test ends.
async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

#[tokio::test]
async fn a_router_of_axum_gets_permitted_requests_and_the_layer_answers_the_rest() {
    let gate = Fixture::start().await;
    gate.drop_in(
        "",
        "forbid (principal, action, resource) unless { context has source && context.source.isLoopback() };",
    );
    let by_connection =
        layer(&gate).with_peer(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()));
    let address = serve(Router::new().route(CHAT, post(model)).layer(by_connection)).await;
    let token = gate.token(&["basic_user"]);
    let answer = ask(address, "POST", CHAT, &token, ALLOWED).await;
    assert_eq!((answer.status(), answer.body.as_str()), ("200", "anthropic-claude 29"));
    let answer = ask(address, "POST", CHAT, &token, DENIED).await;
    assert_eq!((answer.status(), answer.code().as_str()), ("403", "model_not_allowed"));
    assert_eq!(ask(address, "POST", CHAT, "none", ALLOWED).await.status(), "401");
    let answer = ask(address, "GET", "/v1/models", &token, "").await;
    assert!(answer.status() == "200" && answer.body.contains("anthropic-claude"), "{answer:?}");
}

#[tokio::test]
async fn a_service_that_takes_bodies_of_one_type_gets_that_type() {
    let gate = Fixture::start().await;
    // A middleware of axum takes axum's bodies alone.
    async fn pass(request: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
        next.run(request).await
    }
    let stack = ServiceBuilder::new()
        .layer(layer(&gate).with_body(axum::body::Body::new))
        .layer(axum::middleware::from_fn(pass));
    let address = serve(Router::new().route(CHAT, post(model)).layer(stack)).await;
    let answer = ask(address, "POST", CHAT, &gate.token(&["basic_user"]), ALLOWED).await;
    assert_eq!(answer.body, "anthropic-claude 29");
}

#[tokio::test]
async fn a_service_of_hyper_takes_bodies_in_one_piece() {
    let gate = Fixture::start().await;
    let service = service_fn(|request: Request<Full<Bytes>>| async move {
        Ok::<_, Infallible>(Response::new(request.into_body()))
    });
    let service = layer(&gate).with_body(|body| Full::new(body.into_bytes())).layer(service);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    let token = gate.token(&["basic_user"]);
    assert_eq!(ask(address, "POST", CHAT, &token, ALLOWED).await.body, ALLOWED);
    assert_eq!(ask(address, "POST", CHAT, &token, DENIED).await.status(), "403");
}

/// A service of tonic without generated code. It answers every call with the path and the length of the body.
#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "v1";
}

impl<B> tower::Service<Request<B>> for Echo
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        use http_body_util::BodyExt as _;
        Box::pin(async move {
            let permit = request.extensions().get::<Arc<Permit>>().unwrap().clone();
            let length =
                request.into_body().collect().await.map(|body| body.to_bytes().len()).unwrap_or_default();
            let text = format!("{} {length}", permit.model().unwrap().as_str());
            Ok(Response::new(tonic::body::Body::new(Full::new(Bytes::from(text)))))
        })
    }
}

#[tokio::test]
async fn a_server_of_tonic_decides_over_http_2() {
    use http_body_util::BodyExt as _;
    let gate = Fixture::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = tonic::transport::Server::builder().layer(layer(&gate)).add_service(Echo);
    tokio::spawn(server.serve_with_incoming(incoming));
    let mut channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let token = gate.token(&["basic_user"]);
    let mut call = async |body: &'static str, token: &str| {
        let request = Request::post(format!("http://{address}{CHAT}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(tonic::body::Body::new(Full::new(Bytes::from_static(body.as_bytes()))))
            .unwrap();
        futures_util::future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
        let response = soon(channel.call(request)).await.unwrap();
        assert_eq!(response.version(), hyper::Version::HTTP_2);
        let (head, body) = response.into_parts();
        (head.status, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
    };
    assert_eq!(call(ALLOWED, &token).await, (StatusCode::OK, "anthropic-claude 29".to_owned()));
    let (status, body) = call(DENIED, &token).await;
    assert!(status == StatusCode::FORBIDDEN && body.contains("model_not_allowed"), "{body}");
    assert_eq!(call(ALLOWED, "none").await.0, StatusCode::UNAUTHORIZED);
}

/// Each version of the file permits two models or none of them.
#[tokio::test]
async fn rules_change_as_a_whole_while_requests_run() {
    let gate = Fixture::start().await;
    let upstream = gate.upstream.local_addr().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (file, next) = (directory.path().join("config.yaml"), directory.path().join("next"));
    let publish = |models: &str| {
        std::fs::write(&next, yaml(upstream, ["", "", models])).unwrap();
        std::fs::rename(&next, &file).unwrap();
    };
    publish(r#"["anthropic-claude", "openai-gpt-4o"]"#);
    let keys = url::Url::from_file_path(gate.directory.path().join("jwks.json")).unwrap().to_string();
    let env = move |name: &str| (name == "JWT_PUBLIC_KEY_URL").then(|| keys.clone());
    let authorizer = Authorizer::start_with(Sources::new(&file, None), Box::new(env)).await.unwrap();
    let address =
        serve(Router::new().fallback(any(async || "served")).layer(AuthorizeLayer::new(authorizer.clone())))
            .await;
    let token = Arc::new(gate.token(&["basic_user"]));
    let (seen, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (token, seen, is_over) = (Arc::clone(&token), Arc::clone(&seen), Arc::clone(&is_over));
            tokio::spawn(async move {
                while is_over.load(Ordering::Acquire) == 0 {
                    let list = ask(address, "GET", "/v1/models", &token, "").await;
                    let models = ["anthropic-claude", "openai-gpt-4o"].map(|model| list.body.contains(model));
                    assert!(list.status() == "200" && models[0] == models[1], "{list:?}");
                    seen.fetch_or(1 << usize::from(models[0]), Ordering::Relaxed);
                    let chat = ask(address, "POST", CHAT, &token, ALLOWED).await;
                    assert!(["200", "403"].contains(&chat.status()), "{chat:?}");
                }
            })
        })
        .collect();
    for version in 1..=8 {
        publish(if version % 2 == 0 { r#"["anthropic-claude", "openai-gpt-4o"]"# } else { r#"["other"]"# });
        soon(async {
            while authorizer.status().unwrap().reloads < version {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    std::fs::write(&file, "[").unwrap();
    soon(async {
        while authorizer.status().unwrap().last_error.is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(ask(address, "POST", CHAT, &token, ALLOWED).await.status(), "200", "the last good rules");
    is_over.store(1, Ordering::Release);
    for caller in callers {
        soon(caller).await.unwrap();
    }
    assert_eq!(seen.load(Ordering::Relaxed), 0b11, "both versions answered");
    let metrics = authorizer.metrics().await;
    assert!(String::from_utf8_lossy(metrics.body()).contains("modelgate_"));
}

#[tokio::test]
async fn an_authorizer_that_nobody_holds_stops_following_its_files() {
    let gate = Fixture::start().await;
    let file = gate.directory.path().join("config.yaml");
    std::fs::write(&file, yaml(gate.upstream.local_addr().unwrap(), ["", "", "[anthropic-claude]"])).unwrap();
    let keys = url::Url::from_file_path(gate.directory.path().join("jwks.json")).unwrap().to_string();
    let held = Arc::new(());
    let witness = Arc::clone(&held);
    let env = move |name: &str| {
        let _ = &witness;
        (name == "JWT_PUBLIC_KEY_URL").then(|| keys.clone())
    };
    let authorizer = Authorizer::start_with(file.as_path(), Box::new(env)).await.unwrap();
    assert_eq!(Arc::strong_count(&held), 2);
    drop(authorizer);
    soon(async {
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
