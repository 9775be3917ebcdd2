//! The client of the tour: one request on one connection.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A request of the tour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'c> {
    pub(super) path: &'c str,
    /// `None` sends no token, and the gateway refuses the request.
    pub(super) token: Option<&'c str>,
    /// A request with a body is a POST, otherwise a GET.
    pub(super) body: Option<&'c str>,
}

impl Call<'_> {
    pub(super) fn method(&self) -> &'static str {
        if self.body.is_some() { "POST" } else { "GET" }
    }
}

/// Sends a request, and returns once the head of the response has arrived.
pub(super) async fn send(address: SocketAddr, call: Call<'_>) -> Result<Response<Incoming>, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // An error of the connection also ends the response body, where it is reported.
    tokio::spawn(async move { drop(connection.await) });

    let mut request =
        Request::builder().method(call.method()).uri(call.path).header(HOST, address.to_string());
    if let Some(token) = call.token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    if call.body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let body = Bytes::from(call.body.unwrap_or_default().to_owned());
    let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
    sender.send_request(request).await.map_err(|error| error.to_string())
}

/// The next chunk of a response body, or `None` at its end.
pub(super) async fn piece(answer: &mut Response<Incoming>) -> Result<Option<Bytes>, String> {
    while let Some(frame) = answer.body_mut().frame().await {
        if let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// The whole response body.
pub(super) async fn whole(mut answer: Response<Incoming>) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    while let Some(data) = piece(&mut answer).await? {
        all.extend_from_slice(&data);
    }
    Ok(all)
}
