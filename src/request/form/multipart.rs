//! `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), read as a stream.
//!
//! Readers of this format tolerate different errors, so every deviation is refused here. The body consists of
//! delimiters, plain heads and contents. The boundary occurs nowhere else.

use std::ops::Range;

use memchr::memchr2;

use super::batch::{Batch, Models};
use super::delimiter::Search;
use super::field::{Field, field};
use super::fields::Fields;
use super::part::{Head, Media};
use crate::request::head::pairs::Value;
use crate::request::head::routes::Files;
use crate::request::malformed::Malformed;
use crate::request::models::content::{Content, Slot};

const MAX_PARTS: usize = 256;
const MAX_HEAD: usize = 4 * 1024;
/// The maximum length of a field value that affects the decision.
const MAX_VALUE: usize = 1024;
/// The maximum length of JSON in a field.
const MAX_JSON: usize = 256 * 1024;

/// The reader of a multipart body.
#[derive(Debug)]
pub(in crate::request) struct Multipart {
    boundary: String,
    delimiter: Search,
    /// The boundary without the preceding line break. Some readers accept it as a delimiter.
    bare: Search,
    state: State,
    parts: usize,
    /// The offset of the next byte in the body.
    offset: usize,
    fields: Fields,
    files: Files,
    /// The models in the files so far.
    batches: Models,
    data: Option<Data>,
}

/// The fields `data` of a body.
#[derive(Debug)]
enum Data {
    One(Range<usize>),
    /// Upstreams read one of them, and not all the same.
    Several,
}

#[derive(Debug)]
enum State {
    /// Before the first delimiter, where no bytes are allowed.
    Start,
    /// After a delimiter: a line break, or the hyphens of the last delimiter.
    Delimited(Vec<u8>),
    /// In a part's head.
    Head(Vec<u8>),
    /// In a part's content.
    Part(Part),
    /// After the last delimiter.
    End(Vec<u8>),
}

#[derive(Debug)]
struct Part {
    content: PartContent,
    start: usize,
    len: usize,
    announced: Option<usize>,
    is_data: bool,
}

#[derive(Debug)]
enum PartContent {
    Passed,
    Field { name: String, field: Field, value: Vec<u8> },
    File(Batch),
}

impl Multipart {
    /// A reader for this boundary, on a route that takes files for this.
    pub(in crate::request) fn new(boundary: String, files: Files) -> Self {
        let mut delimiter = Search::new(format!("\r\n--{boundary}").into_bytes());
        // The first delimiter has no preceding line break.
        delimiter.assume(2);
        let bare = Search::new(format!("--{boundary}").into_bytes());
        Self {
            boundary,
            delimiter,
            bare,
            state: State::Start,
            parts: 0,
            offset: 0,
            fields: Fields::default(),
            files,
            batches: Models::default(),
            data: None,
        }
    }

    /// Reads the next bytes of the body.
    pub(in crate::request) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            let used = self.step(bytes).map_err(Malformed::Body)?;
            self.offset += used;
            bytes = bytes.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// Returns the facts about the body, which has ended.
    pub(in crate::request) fn finish(self) -> Result<Content<'static>, Malformed> {
        if self.offset == 0 {
            return Ok(Content::default());
        }
        if !matches!(&self.state, State::End(behind) if matches!(behind.as_slice(), b"" | b"\r\n")) {
            return Err(Malformed::Body("its last delimiter is missing".to_owned()));
        }
        let Models { names, fault, excess } = self.batches;
        let fault = excess.or(fault.filter(|_| self.fields.may_be_batch()));
        if let Some(why) = fault {
            return Err(Malformed::Body(format!("the batch cannot be read: {why}")));
        }
        let mut content = self.fields.into_content(Slot::Part);
        content.names.extend(&names).map_err(Malformed::Body)?;
        content.slot.get_or_insert(Slot::Parts { boundary: self.boundary });
        content.upload_part = match self.data {
            Some(Data::One(range)) => Some(range),
            Some(Data::Several) | None => None,
        };
        Ok(content)
    }

    /// Reads at least one of `bytes`, and returns how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, String> {
        match &mut self.state {
            State::Start | State::Part(_) => return self.content(bytes),
            State::Delimited(behind) => {
                behind.extend(bytes.first());
                match behind.as_slice() {
                    b"\r\n" => self.state = State::Head(Vec::new()),
                    b"--" if self.parts > 0 => self.state = State::End(Vec::new()),
                    b"\r" | b"-" => {}
                    _ => return Err("a delimiter has more bytes after the boundary".to_owned()),
                }
            }
            State::Head(head) => {
                head.extend(bytes.first());
                if head.len() > MAX_HEAD {
                    return Err("the head of a part is too long".to_owned());
                }
                if head.ends_with(b"\r\n\r\n") {
                    let head = std::mem::take(head);
                    self.state = State::Part(self.part(&head)?);
                }
            }
            State::End(behind) => {
                behind.extend(bytes.first());
                if !b"\r\n".starts_with(behind) {
                    return Err("there is content after the last delimiter".to_owned());
                }
            }
        }
        Ok(1)
    }

    /// Starts the part with this head.
    fn part(&mut self, head: &[u8]) -> Result<Part, String> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err("it has too many parts".to_owned());
        }
        let text = std::str::from_utf8(head).map_err(|_| "the head of a part is not UTF-8".to_owned())?;
        if text.contains(&format!("--{}", self.boundary)) {
            return Err("the head of a part contains the boundary".to_owned());
        }
        let head = Head::parse(text.strip_suffix("\r\n\r\n").unwrap_or_default())?;
        match head.media {
            Some(Media::Image) => self.fields.found.model_use.images = true,
            Some(Media::Audio) => self.fields.found.model_use.audio = true,
            None => {}
        }
        let content = self.content_of(&head)?;
        let is_data = self.files == Files::UploadPart && head.name == "data";
        Ok(Part { content, start: self.offset + 1, len: 0, announced: head.length, is_data })
    }

    /// Chooses how to read the content of the part with this head.
    fn content_of(&mut self, head: &Head) -> Result<PartContent, String> {
        let field = field(&head.name)?;
        let is_flag = matches!(field, Some(Field::Image | Field::Audio));
        if matches!(field, None | Some(Field::Text)) && head.is_file && self.files == Files::Batches {
            self.fields.note(&head.name);
            return Ok(PartContent::File(Batch::default()));
        }
        // What stands in it is read when the parts are joined.
        if self.files == Files::UploadPart && head.name == "data" && head.is_file {
            return Ok(PartContent::Passed);
        }
        // A file is content to store or read, unless it claims to be JSON and is not a common file type.
        let is_kept = head.is_file && (!head.is_json || head.name.starts_with("file"));
        match field {
            Some(field) if field != Field::Text && !is_flag && !head.is_plain_text => {
                Err(format!("the field `{field}` is not plain text"))
            }
            Some(field) if is_flag => {
                self.fields.set(&head.name, field, Value { text: String::new(), range: 0..0 })?;
                Ok(PartContent::Passed)
            }
            Some(field) if field != Field::Text || !is_kept => {
                Ok(PartContent::Field { name: head.name.clone(), field, value: Vec::new() })
            }
            _ => {
                self.fields.note(&head.name);
                Ok(PartContent::Passed)
            }
        }
    }

    /// Reads content up to the next delimiter, or all of `bytes`.
    fn content(&mut self, bytes: &[u8]) -> Result<usize, String> {
        // Bytes that may begin a delimiter were held back. They are the first bytes of the delimiter itself.
        let held = self.delimiter.matched();
        let is_start = matches!(self.state, State::Start);
        let mut used = 0;
        let mut is_end = false;
        while let Some(byte) = bytes.get(used) {
            used += 1;
            is_end = self.delimiter.step(*byte);
            if is_start && !is_end && self.delimiter.matched() != held + used {
                return Err("it does not begin with its boundary".to_owned());
            }
            if self.bare.step(*byte) && !is_end {
                return Err("a part contains the boundary".to_owned());
            }
            if is_end {
                break;
            }
            if self.delimiter.matched() == 0 && self.bare.matched() == 0 {
                let rest = bytes.get(used..).unwrap_or_default();
                used += memchr2(b'\r', b'-', rest).unwrap_or(rest.len());
            }
        }
        let held_back = if is_end { self.delimiter.bytes().len() } else { self.delimiter.matched() };
        let len = (held + used).saturating_sub(held_back);
        let earlier = self.delimiter.bytes().get(..len.min(held)).unwrap_or_default();
        let now = bytes.get(..len.saturating_sub(held)).unwrap_or_default();
        if let State::Part(part) = &mut self.state {
            part.take(earlier);
            part.take(now);
        }
        if is_end && let State::Part(part) = std::mem::replace(&mut self.state, State::Delimited(Vec::new()))
        {
            self.end(part)?;
        }
        Ok(used)
    }

    fn end(&mut self, part: Part) -> Result<(), String> {
        if part.announced.is_some_and(|announced| announced != part.len) {
            return Err("a part does not have its declared length".to_owned());
        }
        if part.is_data {
            self.data = Some(match self.data {
                None => Data::One(part.start..part.start + part.len),
                Some(_) => Data::Several,
            });
        }
        match part.content {
            PartContent::Passed => Ok(()),
            PartContent::Field { name, field, value } => {
                if part.len > value.len() {
                    return Err(format!("the field `{name}` is too long"));
                }
                let text =
                    String::from_utf8(value).map_err(|_| format!("the field `{name}` is not UTF-8"))?;
                let range = part.start..part.start + part.len;
                self.fields.set(&name, field, Value { text, range })
            }
            PartContent::File(batch) => {
                self.batches.add(batch.finish());
                Ok(())
            }
        }
    }
}

impl Part {
    fn take(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        match &mut self.content {
            PartContent::Passed => {}
            PartContent::File(batch) => batch.feed(bytes),
            PartContent::Field { field: Field::Text, value, .. } => {
                let room = MAX_JSON.saturating_sub(value.len());
                value.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                // Other text is ignored, regardless of its length.
                let first = value.iter().find(|byte| !byte.is_ascii_whitespace());
                if first.is_some_and(|first| !matches!(first, b'{' | b'[')) {
                    self.content = PartContent::Passed;
                }
            }
            PartContent::Field { value, .. } => {
                let room = MAX_VALUE.saturating_sub(value.len());
                value.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            }
        }
    }
}
