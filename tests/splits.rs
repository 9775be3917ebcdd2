//! A form has the same meaning, regardless of how it is split into pieces.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::{HeaderMap, Method};
use modelgate::request::{ApiCall, Malformed, RequestHead, RequestParser, RequestParts, classify};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Parts of forms, valid and invalid. The boundary ends with its own beginning, so that a search must fall back.
const PIECES: [&str; 16] = [
    "--b-\r--b\r\n",
    "\r\n--b-\r--b\r\n",
    "\r\n",
    "--b-",
    "\n",
    "\r",
    "--b--b\r\n",
    "\r\n--b--b\r\n",
    "\r\n--b--b--",
    "\r\n--b--b--\r\n",
    "Content-Disposition: form-data; name=\"model\"\r\n\r\n",
    "Content-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n",
    "Content-Disposition: form-data; name=\"purpose\"\r\n\r\n",
    "batch",
    "{\"body\": {\"model\": \"a\"}}\n",
    "a",
];

const GOOD: [&str; 4] = [
    "--b--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch",
    "\r\n--b--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n",
    "{\"body\": {\"model\": \"c\"}}\n{\"body\": {\"model\": \"d\"}}\n",
    "\r\n--b--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\na\r\n--b--b--\r\n",
];

/// A valid form with an insertion.
fn form() -> impl Strategy<Value = Vec<u8>> {
    let put = proptest::collection::vec((any::<Index>(), select(&PIECES[..])), 0..3);
    put.prop_map(|put| {
        let mut text = GOOD.concat();
        for (at, piece) in put {
            text.insert_str(at.index(text.len() + 1), piece);
        }
        text.into_bytes()
    })
}

fn headers() -> HeaderMap {
    let kind = "multipart/form-data; boundary=b--b".parse().unwrap();
    [(http::header::CONTENT_TYPE, kind)].into_iter().collect()
}

fn in_pieces(head: &RequestHead<'_>, body: &[u8], cuts: &[Index]) -> Result<ApiCall, Malformed> {
    let RequestParser::Streamed(mut streamed) = RequestParser::begin(head)? else {
        return Err(Malformed::NoModel);
    };
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
    cuts.sort_unstable();
    let mut start = 0;
    for end in cuts.into_iter().chain([body.len()]) {
        streamed.feed(body.get(start..end).unwrap())?;
        start = end;
    }
    streamed.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_form_reads_the_same_however_it_is_cut(
        body in form(),
        cuts in proptest::collection::vec(any::<Index>(), 0..20),
    ) {
        let headers = headers();
        let (method, path, query) = (&Method::POST, "/v1/files", None);
        let whole = classify(&RequestParts { method, path, query, headers: &headers, body: &body });
        let head = RequestHead { method, path, query, headers: &headers };
        prop_assert_eq!(in_pieces(&head, &body, &cuts), whole);
    }
}

#[test]
fn the_form_is_a_good_one_when_nothing_is_put_into_it() {
    let headers = headers();
    let (method, path, query) = (&Method::POST, "/v1/files", None);
    let body = GOOD.concat();
    let call =
        classify(&RequestParts { method, path, query, headers: &headers, body: body.as_bytes() }).unwrap();
    assert_eq!(call.models().map(ToString::to_string).collect::<Vec<_>>(), ["a", "c", "d"]);
}
