//! Which reader a body gets.

use super::content::Content;
use super::content_type::Kind;
use super::multipart::Multipart;
use super::{Malformed, form, json, places};

/// A body about to be read: in one piece, or as it arrives.
#[derive(Debug)]
pub(super) enum Reader {
    Whole(Whole),
    Streamed(Box<Multipart>),
}

/// A body that is read in one piece.
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
                Self::Streamed(Box::new(Multipart::new(boundary, places::may_take_batches(path))))
            }
        }
    }
}

impl Whole {
    /// Reads what a body says about models.
    ///
    /// A body that any upstream could take for JSON must be one strict JSON object, whatever its content type says:
    /// LiteLLM, for one, does not look at the type.
    pub(super) fn read<'b>(&self, body: &'b [u8], depth: usize) -> Result<Content<'b>, Malformed> {
        match self {
            _ if body.is_empty() => Ok(Content::default()),
            Self::Json => json::read_within(body, depth),
            Self::Form if may_be_json(body) => Err(Malformed::Body("the form may be JSON".to_owned())),
            Self::Form => form::read(body).map_err(Malformed::Body),
            Self::Other if may_be_json(body) => json::read_within(body, depth),
            Self::Other => Ok(Content::default()),
        }
    }
}

/// Whether the first character is a brace or bracket in any encoding that a lenient reader may guess.
fn may_be_json(body: &[u8]) -> bool {
    let skipped =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xff | 0xfe);
    body.iter().find(|byte| !skipped(byte)).is_some_and(|byte| matches!(byte, b'{' | b'[' | b'/'))
}
