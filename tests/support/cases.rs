//! Requests as case files: `tests/cases/*.json`, each a list of objects.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `name` | | a fact |
//! | `method`, `path`, `query` | `POST`, `/v1/chat/completions`, none | |
//! | `headers` | `content-type: application/json` | pairs, in order |
//! | `body` or `hex` | none | text, or bytes in hexadecimal |
//! | `repeat` | none | replaces each `…` in the body: pairs of a text and a count |
//! | `models` or `refused` | | the models that the request names, in order; or the status of its refusal |

use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use modelgate::request::{ApiCall, Malformed, RequestHead, RequestParts, classify};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    #[serde(default = "post")]
    method: String,
    #[serde(default = "chat")]
    path: String,
    query: Option<String>,
    #[serde(default = "json")]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    hex: Option<String>,
    #[serde(default)]
    repeat: Vec<(String, usize)>,
    pub(crate) models: Option<Vec<String>>,
    pub(crate) refused: Option<u16>,
}

fn post() -> String {
    "POST".to_owned()
}

fn chat() -> String {
    "/v1/chat/completions".to_owned()
}

fn json() -> Vec<(String, String)> {
    vec![("content-type".to_owned(), "application/json".to_owned())]
}

/// All cases, each with the name of its file.
pub(crate) fn all() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = std::fs::read_dir(folder).expect("the case files");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a case file").path()).collect();
    files.sort();
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).expect("a case file");
        let cases: Vec<Case> =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        cases.into_iter().map(move |case| (name.clone(), case))
    };
    files.iter().flat_map(read).collect()
}

impl Case {
    pub(crate) fn body(&self) -> Vec<u8> {
        if let Some(hex) = &self.hex {
            let digits: Vec<u8> = hex
                .chars()
                .map(|c| u8::try_from(c.to_digit(16).expect("a digit")).expect("a digit"))
                .collect();
            return digits
                .chunks(2)
                .map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit))
                .collect();
        }
        let repeated: String = self.repeat.iter().map(|(text, times)| text.repeat(*times)).collect();
        if self.repeat.is_empty() { self.body.clone() } else { self.body.replace('…', &repeated) }
            .into_bytes()
    }

    /// Passes the head of the request to `read`.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&RequestHead<'_>) -> T) -> T {
        let method = Method::from_bytes(self.method.as_bytes()).expect("a method");
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let value = HeaderValue::from_str(value).expect("a header value");
            headers.append(HeaderName::try_from(name).expect("a header name"), value);
        }
        let (path, query) = (self.path.as_str(), self.query.as_deref());
        read(&RequestHead { method: &method, path, query, headers: &headers })
    }

    /// The call that the request is parsed to, with the whole body at once.
    pub(crate) fn classify(&self) -> Result<ApiCall, Malformed> {
        self.classify_body(&self.body())
    }

    /// The call that the request is parsed to with another body.
    pub(crate) fn classify_body(&self, body: &[u8]) -> Result<ApiCall, Malformed> {
        self.with(|head| {
            let RequestHead { method, path, query, headers } = *head;
            classify(&RequestParts { method, path, query, headers, body })
        })
    }
}
