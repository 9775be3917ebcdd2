//! An identity provider with the faults that a test chooses.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use url::Url;

#[derive(Clone)]
pub(super) enum Reply {
    /// This text, unchanged.
    Raw(String),
    /// These bytes under a valid head with this header.
    Bytes(&'static str, Vec<u8>),
    /// A body that arrives one byte at a time.
    Dripping,
    /// A body that never ends.
    Endless,
    /// A head that never ends.
    Hang,
    /// This document, after the semaphore allows it.
    Gated(Arc<Semaphore>, String),
}

/// A valid response.
pub(super) fn ok(body: &str) -> Reply {
    response("200 OK", "content-type: application/json\r\n", body)
}

pub(super) fn response(status: &str, headers: &str, body: &str) -> Reply {
    Reply::Raw(format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()))
}

pub(super) struct Provider {
    pub(super) url: Url,
    hits: Arc<AtomicUsize>,
    reply: Arc<Mutex<Reply>>,
}

impl Provider {
    pub(super) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap()).parse().unwrap();
        let (hits, reply) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(reply)));
        let provider = Self { url, hits: hits.clone(), reply: reply.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                hits.fetch_add(1, Ordering::SeqCst);
                let reply = reply.lock().unwrap().clone();
                tokio::spawn(answer(stream, reply));
            }
        });
        provider
    }

    pub(super) fn set_reply(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    pub(super) fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

async fn answer(mut stream: TcpStream, reply: Reply) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let request = String::from_utf8(request).unwrap().to_lowercase();
    assert!(
        request.starts_with("get /keys http/1.1\r\n") && request.contains("accept-encoding: identity\r\n"),
        "{request}"
    );
    match reply {
        Reply::Raw(text) => stream.write_all(text.as_bytes()).await,
        Reply::Bytes(header, body) => {
            let head = format!("HTTP/1.1 200 OK\r\n{header}content-length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat()).await
        }
        Reply::Dripping => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n").await?;
            let mut pace = tokio::time::interval(Duration::from_millis(5));
            loop {
                pace.tick().await;
                stream.write_all(b" ").await?;
            }
        }
        Reply::Gated(gate, body) => {
            let _permit = gate.acquire().await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await
        }
        Reply::Hang => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            stream.read_u8().await.map(|_| ())
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                stream.write_all(format!("4000\r\n{}\r\n", " ".repeat(0x4000)).as_bytes()).await?;
            }
        }
    }
}
