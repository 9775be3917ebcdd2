//! Bodies of JSON and forms. modelgate also finds the model, which the crates do not.

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use futures_executor::block_on;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use modelgate::request::{RequestParts, classify};

const MEBIBYTE: usize = 1 << 20;

/// A chat of short messages whose model comes last.
fn chat() -> String {
    let message =
        r#"{"role": "user", "content": [{"type": "text", "text": "What does it cost, and who pays?"}]}"#;
    let messages = vec![message; MEBIBYTE / message.len()].join(", ");
    format!(r#"{{"messages": [{messages}], "model": "a"}}"#)
}

#[divan::bench]
fn json_ours(bencher: Bencher<'_, '_>) {
    let (body, headers) = (chat(), HeaderMap::new());
    let parts = RequestParts {
        method: &Method::POST,
        path: "/v1/chat/completions",
        query: None,
        headers: &headers,
        body: body.as_bytes(),
    };
    bencher.counter(BytesCount::new(body.len())).bench_local(|| classify(black_box(&parts)).is_ok());
}

#[divan::bench]
fn json_serde_json_ignored(bencher: Bencher<'_, '_>) {
    let body = chat();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| serde_json::from_str::<serde::de::IgnoredAny>(black_box(&body)).is_ok());
}

#[divan::bench]
fn json_jiter_skip(bencher: Bencher<'_, '_>) {
    let body = chat();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| jiter::Jiter::new(black_box(body.as_bytes())).next_skip().is_ok());
}

/// A form with a model, and a file of a mebibyte.
fn form() -> Vec<u8> {
    let mut form = b"--b0\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n".to_vec();
    form.extend((0..MEBIBYTE).map(|n| (n * 31 % 251) as u8));
    form.extend_from_slice(b"\r\n--b0--\r\n");
    form
}

#[divan::bench]
fn form_ours(bencher: Bencher<'_, '_>) {
    let form = form();
    let headers =
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=b0"))]);
    let parts = RequestParts {
        method: &Method::POST,
        path: "/v1/audio/transcriptions",
        query: None,
        headers: &headers,
        body: &form,
    };
    bencher.counter(BytesCount::new(form.len())).bench_local(|| classify(black_box(&parts)).is_ok());
}

#[divan::bench]
fn form_multer(bencher: Bencher<'_, '_>) {
    let form = Bytes::from(form());
    bencher.counter(BytesCount::new(form.len())).bench(|| {
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(form.clone())]);
        let mut parts = multer::Multipart::new(stream, "b0");
        block_on(async {
            let mut bytes = 0;
            while let Some(mut field) = parts.next_field().await.expect("a field") {
                while let Some(chunk) = field.chunk().await.expect("a chunk") {
                    bytes += chunk.len();
                }
            }
            bytes
        })
    });
}
