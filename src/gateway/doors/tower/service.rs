//! The service that the layer makes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Body;
use tower_service::Service;

use super::bodies::{RequestBody, ResponseBody, answer_body};
use super::pass::{Passed, pass};
use super::settings::Settings;
use crate::gateway::http::incoming::{BoxError, IncomingRequest};

/// A service that gets permitted requests alone.
pub struct Authorize<S, B = RequestBody> {
    inner: S,
    settings: Settings<B>,
}

/// The response of the service, or the gateway's own.
pub type ResponseFuture<E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, E>> + Send>>;

impl<S, B> Authorize<S, B> {
    pub(super) fn new(inner: S, settings: Settings<B>) -> Self {
        Self { inner, settings }
    }
}

impl<S, B, Q, R> Service<Request<Q>> for Authorize<S, B>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: 'static,
    Q: Body<Data = Bytes> + Send + 'static,
    Q::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        // The clone need not be ready, so the request gets the one that is.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let Settings { authorizer, keeps_credential, peer, body } = self.settings.clone();
        let peer = peer(request.extensions());
        Box::pin(async move {
            match pass(&authorizer, IncomingRequest::boxed(request, peer), keeps_credential).await {
                Ok(Passed { request, follow_up }) => {
                    let response = inner.call(request.map(|segments| body(RequestBody(segments)))).await?;
                    Ok(follow_up.answer(response.map(answer_body)).map(ResponseBody))
                }
                Err(answer) => Ok(answer.map(ResponseBody)),
            }
        })
    }
}

impl<S: Clone, B> Clone for Authorize<S, B> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), settings: self.settings.clone() }
    }
}

impl<S: fmt::Debug, B> fmt::Debug for Authorize<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize").field("inner", &self.inner).finish_non_exhaustive()
    }
}
