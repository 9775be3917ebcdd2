//! Answers the requests of one connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::upgrade::OnUpgrade;
use tokio::sync::oneshot;

use super::h2_streams::{GuardedBody, Streams};
use super::timeouts::{ConnectionTimeouts, InFlightGuard, WriteStall};
use crate::gateway::http::error_response::Answer;
use crate::gateway::http::incoming::{IncomingRequest, Switched, UnreadBody};

/// hyper's service of a connection.
pub(in crate::gateway) struct Answers {
    begin: Box<dyn Fn(IncomingRequest) -> Answering + Send>,
    timeouts: Arc<ConnectionTimeouts>,
    streams: Streams,
    switch: Switch,
}

/// An answer that is being made.
pub(in crate::gateway) type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Who gets the stream of the connection, after an answer that switched its protocol.
#[derive(Clone, Default)]
struct Switch(Arc<Mutex<Option<oneshot::Sender<Switched>>>>);

impl Switch {
    fn set(&self, taker: oneshot::Sender<Switched>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(taker);
    }

    fn take(&self) -> Option<oneshot::Sender<Switched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Answers {
    pub(in crate::gateway) fn new(
        timeouts: &Arc<ConnectionTimeouts>,
        streams: Streams,
        begin: impl Fn(IncomingRequest) -> Answering + Send + 'static,
    ) -> Self {
        let timeouts = Arc::clone(timeouts);
        Self { begin: Box::new(begin), timeouts, streams, switch: Switch::default() }
    }

    pub(super) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Who gets the stream of the connection, if its protocol was switched.
    pub(super) fn taker(&self) -> Option<oneshot::Sender<Switched>> {
        self.switch.take()
    }
}

impl Service<Request<Incoming>> for Answers {
    type Response = Response<GuardedBody>;
    type Error = Infallible;
    type Future = Reply;

    fn call(&self, mut request: Request<Incoming>) -> Reply {
        let multiplexed = request.version() == Version::HTTP_2;
        let busy = self.timeouts.request(multiplexed);
        let clock = multiplexed.then(|| busy.waiting());
        if let Some(clock) = &clock {
            self.streams.begin(clock);
        }
        let is_upgrade = request.extensions_mut().remove::<OnUpgrade>().is_some();
        let mut incoming = IncomingRequest::new(request, None);
        let mut taker = None;
        if is_upgrade {
            let (sender, receiver) = oneshot::channel();
            taker = Some((self.switch.clone(), sender));
            incoming.upgrade = Some(receiver);
        }
        Reply { answering: (self.begin)(incoming), busy: Some(busy), clock, taker }
    }
}

/// The answer to one request.
pub(in crate::gateway) struct Reply {
    answering: Answering,
    busy: Option<InFlightGuard>,
    clock: Option<Arc<WriteStall>>,
    taker: Option<(Switch, oneshot::Sender<Switched>)>,
}

impl Future for Reply {
    type Output = Result<Response<GuardedBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answering.as_mut().poll(context));
        let (busy, clock) = (self.busy.take(), self.clock.take());
        if let Some(busy) = &busy {
            busy.set_body_unread(clock.is_none() && answer.extensions().get::<UnreadBody>().is_some());
        }
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some((switch, taker)) = self.taker.take()
        {
            switch.set(taker);
        }
        Poll::Ready(Ok(answer.map(|body| GuardedBody::new(body, clock, busy))))
    }
}
