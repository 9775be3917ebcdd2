//! Finds the ids of created objects in a response while its bytes pass through. It neither delays nor copies
//! the response.

/// The maximum length of an id.
pub(super) const LONGEST_ID: usize = 256;
/// The number of events to read in a stream. The first event has the id of a response.
const EVENTS: usize = 16;

/// The position of an id in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    /// The created object: at `id` or Google's `name`, at the top level or in `response`, `interaction` or `file`; or
    /// the handle of a Live session.
    Created,
    /// At `thread_id`.
    Thread,
    /// At `session.id`, as in OpenAI's live sessions.
    Session,
    /// At `conversation_id`, as Mistral answers.
    Conversation,
    /// The output of a batch: at `output_file_id` or `error_file_id`.
    Output,
}

/// Finds the ids of one response.
#[derive(Debug)]
pub(super) struct AnswerScanner {
    json: JsonScanner,
    /// The position in the current line of an event stream.
    line: Option<Line>,
    events: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// The number of bytes read of `data:`.
    Begins(usize),
    Data,
    Other,
}

impl AnswerScanner {
    pub(super) fn new(is_stream: bool) -> Self {
        Self { json: JsonScanner::default(), line: is_stream.then_some(Line::Begins(0)), events: 0 }
    }

    /// Whether no more ids can follow.
    pub(super) fn is_done(&self) -> bool {
        match self.line {
            Some(_) => self.events >= EVENTS,
            None => self.json.is_done,
        }
    }

    /// Reads the next bytes, and reports each id.
    pub(super) fn feed(&mut self, bytes: &[u8], found: &mut dyn FnMut(IdKind, &str)) {
        const DATA: &[u8] = b"data:";
        for byte in bytes {
            let Some(line) = &mut self.line else {
                self.json.next(*byte, found);
                continue;
            };
            match *line {
                _ if matches!(byte, b'\n' | b'\r') => {
                    self.events += usize::from(*line == Line::Data);
                    *line = Line::Begins(0);
                }
                Line::Begins(at) if DATA.get(at) == Some(byte) => {
                    *line = if at + 1 == DATA.len() { Line::Data } else { Line::Begins(at + 1) };
                    self.json = JsonScanner::default();
                }
                Line::Begins(_) => *line = Line::Other,
                Line::Data => self.json.next(*byte, found),
                Line::Other => {}
            }
        }
    }
}

/// Examines the members of an object and of its inner objects.
#[derive(Debug, Default)]
struct JsonScanner {
    depth: usize,
    /// Whether the containers at the first two depths are objects.
    is_object: [bool; 2],
    /// The last key of each.
    keys: [Vec<u8>; 2],
    expects_key: bool,
    /// The current string, or `None` between strings.
    text: Option<Vec<u8>>,
    is_escaped: bool,
    /// Whether the string is too long for an id or has an escape.
    is_other: bool,
    is_done: bool,
}

impl JsonScanner {
    fn next(&mut self, byte: u8, found: &mut dyn FnMut(IdKind, &str)) {
        if self.is_done {
            return;
        }
        if self.text.is_some() {
            self.in_text(byte, found);
            return;
        }
        match byte {
            b'"' => {
                (self.text, self.is_other) = (Some(Vec::new()), false);
            }
            b'{' | b'[' => {
                if let Some(is_object) = self.is_object.get_mut(self.depth) {
                    *is_object = byte == b'{';
                }
                self.depth += 1;
                self.expects_key = byte == b'{';
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.is_done = self.depth == 0;
            }
            b':' => self.expects_key = false,
            b',' => self.expects_key = self.is_in_object(),
            _ => {}
        }
    }

    fn is_in_object(&self) -> bool {
        self.depth.checked_sub(1).and_then(|at| self.is_object.get(at)) == Some(&true)
    }

    fn in_text(&mut self, byte: u8, found: &mut dyn FnMut(IdKind, &str)) {
        let is_escaped = self.is_escaped;
        self.is_escaped = !is_escaped && byte == b'\\';
        if byte == b'"' && !is_escaped {
            let text = self.text.take().unwrap_or_default();
            self.ended(text, found);
            return;
        }
        self.is_other |= is_escaped && byte != b'/';
        if byte == b'\\' && !is_escaped {
            return;
        }
        match &mut self.text {
            Some(text) if text.len() < LONGEST_ID => text.push(byte),
            _ => self.is_other = true,
        }
    }

    fn ended(&mut self, text: Vec<u8>, found: &mut dyn FnMut(IdKind, &str)) {
        if !self.is_in_object() {
            return;
        }
        let at = self.depth - 1;
        if self.expects_key {
            if let Some(key) = self.keys.get_mut(at) {
                *key = if self.is_other { Vec::new() } else { text };
            }
            return;
        }
        let [outer, inner] = &self.keys;
        let (is_holder, key) = match at {
            0 => (true, outer),
            1 => (
                matches!(
                    outer.as_slice(),
                    b"response" | b"interaction" | b"file" | b"session" | b"sessionResumptionUpdate"
                ),
                inner,
            ),
            _ => return,
        };
        let Ok(text) = str::from_utf8(&text) else { return };
        let kind = match key.as_slice() {
            b"id" if at == 1 && outer == b"session" => IdKind::Session,
            b"id" => IdKind::Created,
            // The handle by which a session of Google's Live API goes on.
            b"newHandle" if at == 1 && outer == b"sessionResumptionUpdate" => IdKind::Created,
            // Google's ids are paths.
            b"name" if text.contains('/') => IdKind::Created,
            b"thread_id" if at == 0 => IdKind::Thread,
            b"conversation_id" if at == 0 => IdKind::Conversation,
            b"output_file_id" | b"error_file_id" if at == 0 => IdKind::Output,
            _ => return,
        };
        if is_holder && !self.is_other && !text.is_empty() {
            found(kind, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids in an answer, wherever it is cut.
    fn ids(text: &str, is_stream: bool) -> Vec<String> {
        let read = |pieces: &[&[u8]]| {
            let (mut scanner, mut ids) = (AnswerScanner::new(is_stream), Vec::new());
            pieces.iter().for_each(|piece| scanner.feed(piece, &mut |_, id| ids.push(id.to_owned())));
            ids
        };
        let bytes = text.as_bytes();
        let whole = read(&[bytes]);
        for at in 0..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(read(&[head, tail]), whole, "{at}");
        }
        whole
    }

    #[test]
    fn the_id_of_what_was_created_is_found() {
        assert_eq!(ids(r#"{"object": "file", "id": "file-1", "n": [{"id": "x"}]}"#, false), ["file-1"]);
        assert_eq!(ids(r#"{"name":"cachedContents\/a","model":{"id":"m"}}"#, false), ["cachedContents/a"]);
        assert_eq!(
            ids(r#"{"id":"upload_1","file":{"id":"file-2","name":"x"}}"#, false),
            ["upload_1", "file-2"]
        );
        assert_eq!(ids(r#"{"file":{"name":"files/f"}}"#, false), ["files/f"]);
        assert_eq!(ids(r#"{"sessionResumptionUpdate":{"newHandle":"h1","resumable":true}}"#, false), ["h1"]);
        assert_eq!(ids(r#"{"response":{"newHandle":"h1"},"newHandle":"h2"}"#, false), Vec::<String>::new());
        assert_eq!(
            ids(r#"{"a":"\"id\":","id":"run_1","thread_id":"thread_1"}"#, false),
            ["run_1", "thread_1"]
        );
    }

    #[test]
    fn nothing_else_is_an_id() {
        for text in [
            r#"{"output":[{"id":"msg_1"}],"metadata":{"id":"m"},"name":"plain"}"#,
            r#"[{"id":"a"}]"#,
            r#"{"id":1,"x":"id","y":{"response":{"id":"deep"}}}"#,
            r#"{"id":"a\nb"}"#,
            r#"{}{"id":"behind"}"#,
        ] {
            assert_eq!(ids(text, false), Vec::<String>::new(), "{text}");
        }
        assert!(ids(&format!(r#"{{"id":"{}"}}"#, "a".repeat(LONGEST_ID + 1)), false).is_empty());
    }

    #[test]
    fn the_first_event_of_a_stream_has_the_id_of_its_response() {
        let text = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n\
                    data: {\"item_id\":\"x\",\"response_id\":\"y\"}\r\n\r\ndata: [DONE]\n\nid: 7\n";
        assert_eq!(ids(text, true), ["resp_1"]);
        let google = "event: interaction.created\ndata: {\"interaction\":{\"id\":\"v1_1\",\"model\":\"m\"},\"event_type\":\"x\"}\n\n";
        assert_eq!(ids(google, true), ["v1_1"]);
        let mistral = "data: {\"type\":\"conversation.response.started\",\"conversation_id\":\"conv_1\"}\n\n";
        assert_eq!(ids(mistral, true), ["conv_1"]);
    }
}
