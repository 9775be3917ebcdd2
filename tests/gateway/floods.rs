//! HTTP/2 floods of an attacker: each one ends its connection or stays within a limit, and other clients are not
//! affected.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use crate::attacked::{Attacked, BODY, pump};
use crate::fixture::soon;
use crate::frames::{
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, Frame,
    GOAWAY, HEADERS, PING, PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM, SETTINGS, WINDOW_UPDATE, again,
    chat_fields, connect, field, frame, hello, next_frame, remembered,
};

/// More than any limit, and still sent quickly.
const MANY: u32 = 20_000;

/// The first chat request, whose fields are added to the table, and the block that repeats them.
fn first_and_again(bearer: &str) -> (Vec<u8>, Vec<u8>) {
    let fields = chat_fields(bearer);
    let first = fields.iter().flat_map(|(name, value)| remembered(name, value)).collect();
    (first, (62..67).rev().map(again).collect())
}

/// Sends all frames on a new connection, unless it ends early. Returns the frames that were received until its end.
async fn flood(address: SocketAddr, bytes: Vec<u8>) -> Vec<Frame> {
    let (mut reading, mut writing) = connect(address, &[]).await.into_split();
    let writer = tokio::spawn(async move {
        // The other side may have stopped reading.
        let _ = writing.write_all(&bytes).await;
        writing
    });
    let mut frames = Vec::new();
    while let Some(frame) = soon(next_frame(&mut reading)).await {
        frames.push(frame);
    }
    let _writing = soon(writer).await.unwrap();
    frames
}

/// The error that ended the connection.
fn goaway(frames: &[Frame]) -> Option<u32> {
    frames.iter().rfind(|frame| frame.kind == GOAWAY)?.error()
}

async fn assert_ends(attacked: &Attacked, bytes: Vec<u8>, code: u32) {
    let (frames, ()) = tokio::join!(flood(attacked.address, bytes), attacked.assert_serves_others());
    assert_eq!(goaway(&frames), Some(code), "{:?}", frames.last());
    attacked.assert_serves_others().await;
    attacked.assert_is_bounded();
}

#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let attacked = Attacked::start().await;
    let bearer = format!("Bearer {}", attacked.token);
    let (first, again) = first_and_again(&bearer);
    let mut bytes = Vec::new();
    for n in 0..MANY {
        let stream = 2 * n + 1;
        bytes.extend(frame(HEADERS, END_HEADERS, stream, if n == 0 { &first } else { &again }));
        bytes.extend(frame(DATA, END_STREAM, stream, BODY.as_bytes()));
        bytes.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
    }
    assert_ends(&attacked, bytes, ENHANCE_YOUR_CALM).await;
    // Two of them are the other caller's.
    let arrived = attacked.stop().await;
    assert!((2..=256).contains(&arrived), "{arrived} requests arrived");
}

#[tokio::test]
async fn a_flood_of_continuations_ends_the_connection() {
    let attacked = Attacked::start().await;
    let begun = frame(HEADERS, 0, 1, &field(":method", "POST"));
    for piece in [Vec::new(), field("x-a", "1"), field("x-a", &"y".repeat(16_000))] {
        let pieces = frame(CONTINUATION, 0, 1, &piece).repeat(200);
        assert_ends(&attacked, [begun.clone(), pieces].concat(), ENHANCE_YOUR_CALM).await;
    }
    assert_eq!(attacked.stop().await, 6, "the other caller's");
}

#[tokio::test]
async fn a_header_bomb_is_refused_before_it_is_unpacked() {
    let attacked = Attacked::start().await;
    let bearer = format!("Bearer {}", attacked.token);
    let plain: Vec<u8> = chat_fields(&bearer).iter().flat_map(|(name, value)| field(name, value)).collect();
    let bomb = |times: usize| {
        let fuse = remembered("x-a", &"y".repeat(3900));
        [plain.clone(), fuse, vec![again(62); times]].concat()
    };
    // 16 KiB that stand for 60 MiB.
    let bytes = frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb(16_384)[..16_384]);
    assert_ends(&attacked, bytes, ENHANCE_YOUR_CALM).await;

    // 100 KiB: the response is 431, and the connection serves its next request.
    let mut client = connect(attacked.address, &[]).await;
    let mut bytes = frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb(25));
    bytes.extend(frame(HEADERS, END_HEADERS, 3, &plain));
    bytes.extend(frame(DATA, END_STREAM, 3, BODY.as_bytes()));
    soon(client.write_all(&bytes)).await.unwrap();
    let mut answers = Vec::new();
    while answers.len() < 2 {
        let frame = soon(next_frame(&mut client)).await.expect("the connection ends");
        if frame.kind == HEADERS {
            answers.push((frame.stream, is_431(&frame.payload)));
        }
    }
    answers.sort_unstable();
    assert_eq!(answers, [(1, true), (3, false)]);
    drop(client);
    assert_eq!(attacked.stop().await, 3, "the other caller's, and the one on stream 3");
}

/// Whether a block of fields has `:status: 431`, in RFC 7541's Huffman code.
fn is_431(block: &[u8]) -> bool {
    block.windows(4).any(|bytes| bytes == [0x83, 0x69, 0x90, 0xff])
}

#[tokio::test]
async fn a_flood_of_empty_data_ends_the_connection() {
    let attacked = Attacked::start().await;
    let bearer = format!("Bearer {}", attacked.token);
    let (first, _) = first_and_again(&bearer);
    let bytes = [frame(HEADERS, END_HEADERS, 1, &first), frame(DATA, 0, 1, &[]).repeat(20_000)].concat();
    assert_ends(&attacked, bytes, ENHANCE_YOUR_CALM).await;
    assert_eq!(attacked.stop().await, 2, "the other caller's");
}

#[tokio::test]
async fn windows_that_overflow_or_stand_still_are_errors() {
    let attacked = Attacked::start().await;
    let most = 0x7fff_ffff_u32.to_be_bytes();
    assert_ends(&attacked, frame(WINDOW_UPDATE, 0, 0, &most).repeat(2), FLOW_CONTROL_ERROR).await;
    assert_ends(&attacked, frame(WINDOW_UPDATE, 0, 0, &[0; 4]), PROTOCOL_ERROR).await;

    let bearer = format!("Bearer {}", attacked.token);
    let (first, _) = first_and_again(&bearer);
    let mut client = connect(attacked.address, &[]).await;
    let bytes = [frame(HEADERS, END_HEADERS, 1, &first), frame(WINDOW_UPDATE, 0, 1, &most).repeat(2)];
    soon(client.write_all(&bytes.concat())).await.unwrap();
    let reset = loop {
        let frame = soon(next_frame(&mut client)).await.expect("the connection ends");
        if frame.kind == RST_STREAM {
            break frame;
        }
    };
    assert_eq!((reset.stream, reset.error()), (1, Some(FLOW_CONTROL_ERROR)));
    drop(client);
    attacked.stop().await;
}

/// Settings and pings must be acknowledged. The gateway stops reading from a client that reads no acknowledgements.
#[tokio::test]
async fn a_flood_that_wants_answers_and_reads_none_is_held_up() {
    const MOST: usize = 64 << 20;
    let attacked = Attacked::start().await;
    for kind in [SETTINGS, PING] {
        // Small buffers fill up sooner.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.set_send_buffer_size(64 * 1024).unwrap();
        let mut client = soon(socket.connect(attacked.address)).await.unwrap();
        soon(client.write_all(&hello(&[]))).await.unwrap();
        let payload: &[u8] = if kind == PING { &[7; 8] } else { &[] };
        let piece = frame(kind, 0, 0, payload).repeat(4096);
        let taken = pump(&mut client, &piece, MOST).await;
        assert!(taken < MOST, "{kind}: all was taken");
        attacked.assert_serves_others().await;
        attacked.assert_is_bounded();
    }
    attacked.stop().await;
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_and_half_open_ones_hold_nobody_up() {
    let attacked = Attacked::start().await;
    let bearer = format!("Bearer {}", attacked.token);
    let (first, again) = first_and_again(&bearer);
    let mut attackers = Vec::new();
    for _ in 0..4 {
        let mut client = connect(attacked.address, &[]).await;
        let mut bytes = Vec::new();
        for n in 0..300 {
            bytes.extend(frame(HEADERS, END_HEADERS, 2 * n + 1, if n == 0 { &first } else { &again }));
        }
        soon(client.write_all(&bytes)).await.unwrap();
        // 256 streams wait for their bodies; the others are refused.
        let mut refused = 0;
        while refused < 44 {
            let frame = soon(next_frame(&mut client)).await.expect("the connection ends");
            assert_ne!(frame.kind, GOAWAY, "{frame:?}");
            if frame.kind == RST_STREAM {
                assert_eq!(frame.error(), Some(REFUSED_STREAM));
                assert!(frame.stream > 512, "{frame:?}");
                refused += 1;
            }
        }
        attackers.push(client);
    }
    attacked.assert_serves_others().await;
    attacked.assert_is_bounded();
    drop(attackers);
    assert_eq!(attacked.stop().await, 1, "the other caller's");
}
