//! Waits for the message that names the model of a connection, and opens the upstream for it.

use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::dial::Dialed;
use super::ending::{End, refused};
use super::messages::{ATTEMPTS, Bound, Messages};
use super::relay::{Sink, Source, UpstreamStream, answer, judged, next_of_caller, pass_up};
use crate::gateway::http::error_response::Refusal;

/// Waits for the first permitted message, and opens the upstream for it.
pub(super) async fn first(
    messages: &Messages,
    operation: &str,
    protocols: &[String],
    sink: &Sink,
    source: &mut Source,
) -> Result<(UpstreamStream, Bound), End> {
    loop {
        let message = next_of_caller(messages, source, sink).await?;
        if let Some(opened) = opened_for(messages, operation, protocols, sink, &message).await? {
            return Ok(opened);
        }
    }
}

/// Opens the upstream for a message, and forwards the message. `None` if the message was refused and answered.
async fn opened_for(
    messages: &Messages,
    operation: &str,
    protocols: &[String],
    sink: &Sink,
    message: &Message,
) -> Result<Option<(UpstreamStream, Bound)>, End> {
    let mut opened = None;
    for _ in 0..ATTEMPTS {
        let Some((text, mut permitted)) = judged(messages, None, message, sink).await? else {
            return Ok(None);
        };
        let Some(mut observation) = permitted.observation.take() else { return Ok(None) };
        let (call, asked) = (permitted.permit.call(), (operation, protocols));
        let dialed = messages.dial(call, &permitted.judged, asked, &mut opened, &mut observation).await;
        drop(observation);
        match dialed {
            Ok(true) => {}
            // The rules changed meanwhile.
            Ok(false) => continue,
            Err(refusal) => {
                answer(messages, &refusal, text, sink).await?;
                return Ok(None);
            }
        }
        match opened.take() {
            Some((Dialed::Open { socket, .. }, bound)) => {
                let upstream = UpstreamStream::new(socket, &messages.sockets).await;
                pass_up(messages, &bound, (message, text, &permitted), &upstream.sink).await?;
                return Ok(Some((upstream, bound)));
            }
            Some((Dialed::Refused(answer), _)) => {
                let reason =
                    format!("the upstream refused the connection with status {}", answer.status().as_u16());
                return Err(End::ours(CloseCode::Error, &reason));
            }
            None => {}
        }
    }
    Err(End::Ours(refused(&Refusal::Overtaken)))
}
