//! Slow clients, and their effect on other clients.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// What a slow client does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Habit {
    /// Sends a head byte by byte.
    SlowHead,
    /// Sends a body byte by byte.
    SlowBody,
    /// Sends one request, and keeps the connection.
    Idle,
    /// Requests a response without end, and does not read it.
    NeverReads,
    /// Sends a request that the upstream never answers.
    Waits,
}

/// The pause between two bytes.
const SLOWLY: Duration = Duration::from_secs(2);
/// The pause before a disconnected client reconnects.
const PAUSE: Duration = Duration::from_secs(1);

/// A slow client, until it is dropped. It reconnects when the gateway disconnects it.
pub(crate) async fn run_slow_client(
    address: SocketAddr,
    credential: HeaderValue,
    habit: Habit,
    delay: Duration,
) {
    tokio::time::sleep(delay).await;
    loop {
        // The client starts again, regardless of how the connection ended.
        let _ = once(address, &credential, habit).await;
        tokio::time::sleep(PAUSE).await;
    }
}

/// The head of a model call, with a body of this length to follow.
pub(crate) fn head(credential: &HeaderValue, length: usize) -> String {
    let credential = credential.to_str().unwrap();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: {credential}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

async fn once(address: SocketAddr, credential: &HeaderValue, habit: Habit) -> std::io::Result<()> {
    let call = |model: &str| {
        let body = format!("{{\"model\": \"{model}\"}}");
        head(credential, body.len()) + &body
    };
    match habit {
        Habit::SlowHead => {
            send_slowly(TcpStream::connect(address).await?, head(credential, 2).as_bytes()).await
        }
        Habit::SlowBody => {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(head(credential, 4096).as_bytes()).await?;
            send_slowly(stream, &[b' '; 4096]).await
        }
        Habit::Idle => {
            read_until_closed(address, "GET /health/liveliness HTTP/1.1\r\nhost: gate\r\n\r\n").await
        }
        Habit::Waits => read_until_closed(address, &call("hanging")).await,
        Habit::NeverReads => {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(4096)?;
            let mut stream = socket.connect(address).await?;
            stream.write_all(call("flood").as_bytes()).await?;
            // Long enough for the gateway to disconnect the client. A client that does not read cannot see that.
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
    }
}

async fn send_slowly(mut stream: TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(SLOWLY).await;
    }
    Ok(())
}

async fn read_until_closed(address: SocketAddr, request: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    while stream.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}
