//! Chooses the reader of a body.

use super::Malformed;
use super::form::fields;
use super::form::multipart::Multipart;
use super::head::content_type::Kind;
use super::head::routes;
use super::models::body;
use super::models::content::Content;
use super::models::rules::Rules;

/// A body before it is read: either buffered or streamed.
#[derive(Debug)]
pub(super) enum Reader {
    Whole(Whole),
    Streamed(Box<Multipart>),
}

/// A body that is buffered before it is read.
#[derive(Debug)]
pub(super) enum Whole {
    Json,
    Form,
    Other,
}

impl Reader {
    pub(super) fn new(kind: Kind, path: &str) -> Self {
        match kind {
            Kind::Json => Self::Whole(Whole::Json),
            Kind::Form => Self::Whole(Whole::Form),
            Kind::Other => Self::Whole(Whole::Other),
            Kind::Multipart { boundary } => {
                Self::Streamed(Box::new(Multipart::new(boundary, routes::files(path))))
            }
        }
    }
}

impl Whole {
    /// Reads what a body says about models.
    ///
    /// A body that any upstream could parse as JSON must be one strict JSON object, regardless of its content type.
    /// LiteLLM, for example, ignores the content type.
    pub(super) fn read<'b>(
        &self,
        bytes: &'b [u8],
        depth: usize,
        rules: Rules<'_>,
    ) -> Result<Content<'b>, Malformed> {
        match self {
            _ if bytes.is_empty() => Ok(Content::default()),
            Self::Json => body::read_within(bytes, depth, rules),
            Self::Form if may_be_json(bytes) => Err(Malformed::Body(JSON_AS_FORM.to_owned())),
            Self::Form => fields::read(bytes).map_err(Malformed::Body),
            Self::Other if may_be_json(bytes) => body::read_within(bytes, depth, rules),
            Self::Other => Ok(Content::default()),
        }
    }
}

/// `curl -d` sends JSON as a form, unless a header says otherwise.
const JSON_AS_FORM: &str =
    "it looks like JSON, but its `Content-Type` is that of a form: send `Content-Type: application/json`";

/// Whether the first character is a brace or bracket in any encoding that a lenient reader may guess, behind anything that
/// a lenient reader may skip.
fn may_be_json(body: &[u8]) -> bool {
    let begins = |byte: u8| matches!(byte, b'{' | b'[' | b'/');
    let is_mark = |byte: &u8| matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xff | 0xfe);
    // Some readers strip all control characters.
    let skipped = |byte: &u8| *byte <= b' ' || is_mark(byte);
    let Some(at) = body.iter().position(|byte| !skipped(byte)) else { return false };
    let rest = body.get(at..).unwrap_or_default();
    rest.first().is_some_and(|byte| begins(*byte)) || {
        // Blanks outside ASCII have at most three bytes, and the last one may be cut.
        let text = String::from_utf8_lossy(body.get(..MOST_BLANKS.min(body.len())).unwrap_or_default());
        let is_blank = |c: char| {
            c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}')
        };
        let rest = text.trim_start_matches(is_blank);
        rest.len() < text.len() && rest.bytes().next().is_some_and(begins)
    }
}

/// The number of bytes in which blanks outside ASCII are looked for.
const MOST_BLANKS: usize = 64;
