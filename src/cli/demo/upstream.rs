//! An OpenAI-style upstream with canned answers, streams and embeddings.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::Interval;

/// A response body, whole or one word at a time.
pub(super) type Reply = Either<Full<Bytes>, Words>;

const WORD_PAUSE: Duration = Duration::from_millis(150);
const WORDS: [&str; 6] = ["Hello", " from", " behind", " the", " gate", "."];

/// Listens on a free port.
pub(super) async fn start() -> std::io::Result<SocketAddr> {
    listen(|request, _| answer(request)).await
}

/// Serves every request on a free loopback port until the process ends.
pub(super) async fn listen<F, A>(handle: F) -> std::io::Result<SocketAddr>
where
    F: Fn(Request<Incoming>, SocketAddr) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Reply>> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let handle = Arc::new(handle);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let handle = Arc::clone(&handle);
            let service = service_fn(move |request| {
                let answer = handle(request, address);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            // An error ends only this connection.
            tokio::spawn(async move {
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await)
            });
        }
    });
    Ok(address)
}

/// A response that is sent whole.
pub(super) fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Reply> {
    let mut answer = Response::new(Either::Left(Full::new(Bytes::from(body))));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    answer
}

async fn answer(request: Request<Incoming>) -> Response<Reply> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let model = body.get("model").cloned().unwrap_or_default();
    match path.as_str() {
        "/v1/chat/completions" if body.get("stream") == Some(&Value::Bool(true)) => {
            let mut answer = Response::new(Either::Right(Words::new(model)));
            answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("text/event-stream"));
            answer
        }
        "/v1/chat/completions" => {
            let message = json!({"role": "assistant", "content": WORDS.concat()});
            let choices = json!([{"index": 0, "finish_reason": "stop", "message": message}]);
            let usage = json!({"prompt_tokens": 1, "completion_tokens": 6, "total_tokens": 7});
            ok(
                &json!({"id": "chatcmpl-demo", "object": "chat.completion", "created": 1_704_067_200, "model": model,
                "choices": choices, "usage": usage}),
            )
        }
        "/v1/embeddings" => {
            ok(&json!({"object": "list", "model": model, "usage": {"prompt_tokens": 1, "total_tokens": 1},
            "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2, 0.3]}]}))
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "application/json",
            json!({"error": {"message": "not found"}}).to_string(),
        ),
    }
}

fn ok(body: &Value) -> Response<Reply> {
    text(StatusCode::OK, "application/json", body.to_string())
}

/// Server-sent events with one word each and a pause before each.
pub(super) struct Words {
    left: std::collections::VecDeque<Bytes>,
    pause: Interval,
}

impl Words {
    fn new(model: Value) -> Self {
        let chunk = |delta: Value, finish: Value| {
            let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
            json!({"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 1_704_067_200, "model": model,
                "choices": choices})
        };
        let words = WORDS.iter().map(|word| chunk(json!({"content": word}), Value::Null));
        let last = chunk(json!({}), json!("stop"));
        let events = words.chain([last]).map(|event| format!("data: {event}\n\n"));
        let left = events.chain(["data: [DONE]\n\n".to_owned()]).map(Bytes::from).collect();
        Self { left, pause: tokio::time::interval(WORD_PAUSE) }
    }
}

impl Body for Words {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::ready!(self.pause.poll_tick(context));
        Poll::Ready(self.left.pop_front().map(|event| Ok(Frame::data(event))))
    }
}
