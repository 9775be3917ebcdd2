//! The request ids of modelgate.

#[path = "../../../src/gateway/http/request_id.rs"]
mod request_id;

pub(crate) fn ids() -> impl Fn() -> http::HeaderValue {
    let ids = request_id::RequestIds::new();
    move || ids.next()
}
