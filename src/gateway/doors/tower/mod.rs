//! A layer that decides requests in front of a service of this process: axum's, tonic's or hyper's.
//!
//! Input: a request with any body. Output: the service's response to a permitted request, or the gateway's own answer.
//! `pass` decides a request and prepares it for the service, `layer` and `service` are tower's two traits, `settings`
//! are what the one hands to the other, and `bodies` are the bodies that leave here.
//!
//! ```no_run
//! use std::convert::Infallible;
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use modelgate::engine::Permit;
//! use modelgate::gateway::Authorizer;
//! use modelgate::tower::{AuthorizeLayer, RequestBody};
//!
//! /// The service gets permitted requests alone.
//! async fn serve(request: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     let permit = request.extensions().get::<Arc<Permit>>();
//!     let text = format!("{:?}", permit.and_then(|permit| permit.model()));
//!     Ok(Response::new(Full::from(text)))
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let authorizer = Authorizer::start("config.yaml").await?;
//! let service = tower::ServiceBuilder::new()
//!     .layer(AuthorizeLayer::new(authorizer))
//!     .service_fn(serve);
//! # let _ = tower::ServiceExt::<Request<Full<Bytes>>>::oneshot(service, Request::default()).await;
//! # Ok(())
//! # }
//! ```
//!
//! With axum, it is `Router::new().route(…).layer(AuthorizeLayer::new(authorizer))`. With tonic, it is
//! `Server::builder().layer(AuthorizeLayer::new(authorizer))`.
//!
//! - The path must be that of the API: `/v1/chat/completions`. Put the layer outside of what rewrites paths.
//! - The whole body is read before the service gets the request, within `modelgate.max_body_bytes` and the limits for bodies.
//!   Requests that are answered while they are sent, such as bidirectional streams of gRPC, do not work behind the layer.
//! - The layer answers refusals, lists of models, and what the gateway answers without a decision: preflights of
//!   `modelgate.cors`, and probes such as `/health/readiness`.
//! - An upgrade to a WebSocket is judged by its URL. If its messages name the model, it is refused.

mod bodies;
mod layer;
mod pass;
mod service;
mod settings;

pub use bodies::{RequestBody, ResponseBody};
pub use layer::{AuthorizeLayer, Peer};
pub use service::{Authorize, ResponseFuture};
