//! `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), read as it arrives.
//!
//! Readers of this format differ in what they forgive, so nothing is forgiven here: the body is delimiters, plain heads
//! and contents, and the boundary stands nowhere else.

use super::Malformed;
use super::batch::Batch;
use super::content::{Content, Slot};
use super::form::{Fields, Value};
use super::needle::Needle;
use super::part::Head;
use super::places::{self, FormField};
use crate::names::ModelName;

const MAX_PARTS: usize = 256;
const MAX_HEAD: usize = 4 * 1024;
/// The longest value of a field that counts.
const MAX_VALUE: usize = 1024;

/// A body being read.
#[derive(Debug)]
pub(super) struct Multipart {
    boundary: String,
    delimiter: Needle,
    /// The boundary without the line break before it, which some readers take for a delimiter.
    bare: Needle,
    state: State,
    parts: usize,
    /// Where in the body the next byte stands.
    offset: usize,
    fields: Fields,
    may_take_batches: bool,
    /// The models in the files so far, or why one of them is no batch.
    batches: Result<Vec<ModelName>, String>,
}

#[derive(Debug)]
enum State {
    /// Before the first delimiter, where nothing may stand.
    Start,
    /// Behind a delimiter: the line break, or the hyphens of the last one.
    Delimited(Vec<u8>),
    /// In a part's head.
    Head(Vec<u8>),
    /// In a part's content.
    Part(Part),
    /// Behind the last delimiter.
    End(Vec<u8>),
}

#[derive(Debug)]
struct Part {
    content: PartContent,
    start: usize,
    len: usize,
    announced: Option<usize>,
}

#[derive(Debug)]
enum PartContent {
    Passed,
    Field(FormField, Vec<u8>),
    File(Batch),
}

impl Multipart {
    /// A body with this boundary; `may_take_batches` says whether its files may be batches.
    pub(super) fn new(boundary: String, may_take_batches: bool) -> Self {
        let mut delimiter = Needle::new(format!("\r\n--{boundary}").into_bytes());
        // The first delimiter has no line break before it.
        delimiter.assume(2);
        let bare = Needle::new(format!("--{boundary}").into_bytes());
        Self {
            boundary,
            delimiter,
            bare,
            state: State::Start,
            parts: 0,
            offset: 0,
            fields: Fields::default(),
            may_take_batches,
            batches: Ok(Vec::new()),
        }
    }

    /// Takes the next bytes of the body.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            let used = self.step(bytes).map_err(Malformed::Body)?;
            self.offset += used;
            bytes = bytes.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// What the body said, now that it has ended.
    pub(super) fn finish(self) -> Result<Content<'static>, Malformed> {
        if self.offset == 0 {
            return Ok(Content::default());
        }
        if !matches!(&self.state, State::End(behind) if matches!(behind.as_slice(), b"" | b"\r\n")) {
            return Err(Malformed::Body("its last delimiter is missing".to_owned()));
        }
        let batches = if self.fields.may_be_batch() { self.batches } else { Ok(Vec::new()) };
        let further = batches.map_err(|why| Malformed::Body(format!("the batch cannot be read: {why}")))?;
        let mut content = self.fields.into_content(Slot::Part);
        content.slot.get_or_insert(Slot::Parts { boundary: self.boundary });
        Ok(Content { further, ..content })
    }

    /// Reads some of `bytes`, at least one, and says how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, String> {
        match &mut self.state {
            State::Start | State::Part(_) => return self.content(bytes),
            State::Delimited(behind) => {
                behind.extend(bytes.first());
                match behind.as_slice() {
                    b"\r\n" => self.state = State::Head(Vec::new()),
                    b"--" if self.parts > 0 => self.state = State::End(Vec::new()),
                    b"\r" | b"-" => {}
                    _ => return Err("a delimiter goes on behind the boundary".to_owned()),
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
                    return Err("something stands behind the last delimiter".to_owned());
                }
            }
        }
        Ok(1)
    }

    /// Begins the part with this head.
    fn part(&mut self, head: &[u8]) -> Result<Part, String> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err("it has too many parts".to_owned());
        }
        let text = std::str::from_utf8(head).map_err(|_| "the head of a part is not UTF-8".to_owned())?;
        if text.contains(&format!("--{}", self.boundary)) {
            return Err("the head of a part has the boundary in it".to_owned());
        }
        let head = Head::parse(text.strip_suffix("\r\n\r\n").unwrap_or_default())?;
        let content = match places::form_field(&head.name)? {
            Some(field) if !head.is_plain_text => {
                return Err(format!("the field `{field}` is no plain text"));
            }
            Some(field) => PartContent::Field(field, Vec::new()),
            None if self.may_take_batches && head.is_file => PartContent::File(Batch::new()),
            None => PartContent::Passed,
        };
        Ok(Part { content, start: self.offset + 1, len: 0, announced: head.length })
    }

    /// Reads content up to the next delimiter, or all of `bytes`.
    fn content(&mut self, bytes: &[u8]) -> Result<usize, String> {
        // Bytes that may begin a delimiter were held back: they are the delimiter's own first ones.
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
                return Err("the boundary stands in a part".to_owned());
            }
            if is_end {
                break;
            }
            if self.delimiter.matched() == 0 && self.bare.matched() == 0 {
                let rest = bytes.get(used..).unwrap_or_default();
                used += rest.iter().position(|byte| matches!(byte, b'\r' | b'-')).unwrap_or(rest.len());
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
            return Err("a part is not as long as it says".to_owned());
        }
        match part.content {
            PartContent::Passed => Ok(()),
            PartContent::Field(field, value) => {
                if part.len > MAX_VALUE {
                    return Err(format!("the field `{field}` is too long"));
                }
                let text =
                    String::from_utf8(value).map_err(|_| format!("the field `{field}` is not UTF-8"))?;
                self.fields.set(field, Value { text, range: part.start..part.start + part.len })
            }
            PartContent::File(batch) => {
                self.batches = std::mem::replace(&mut self.batches, Ok(Vec::new())).and_then(|mut names| {
                    for name in batch.finish()? {
                        super::further::add(&mut names, name.as_str())?;
                    }
                    Ok(names)
                });
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
            PartContent::Field(_, value) => {
                let room = MAX_VALUE.saturating_sub(value.len());
                value.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            }
        }
    }
}
