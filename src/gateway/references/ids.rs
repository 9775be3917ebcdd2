//! Finds everything in a request that may be an id: path segments, query values, and whole strings of the
//! body.

use std::ops::ControlFlow;

use url::form_urlencoded;

use super::scanner::LONGEST_ID;

/// Calls `visit` with each segment of a path, alone and together with the previous one. A segment with a verb
/// such as `:cancel` is also visited without it.
pub(super) fn in_path(path: &str, visit: &mut dyn FnMut(&str)) {
    let mut before: Option<usize> = None;
    let mut at = 0;
    for segment in path.split('/') {
        let end = at + segment.len();
        let plain = segment.rfind(':').map_or(end, |colon| at + colon);
        for end in [end, plain] {
            for start in [Some(at), before].into_iter().flatten() {
                path.get(start..end).into_iter().for_each(&mut *visit);
            }
        }
        before = Some(at);
        at = end + 1;
    }
}

/// Calls `visit` with each value of a query or of an urlencoded body, and with each part of a list with commas.
pub(super) fn in_query(query: &[u8], visit: &mut dyn FnMut(&str)) {
    for (_, value) in form_urlencoded::parse(query) {
        visit_url(value.trim(), visit);
        if value.contains([',', ' ']) {
            value.split([',', ' ']).filter(|part| !part.is_empty()).for_each(&mut *visit);
        }
    }
}

/// Calls `visit` with a text and, if it is a URL or the path of a resource, with the path without a query, a verb and a
/// slash at the end.
fn visit_url(text: &str, visit: &mut dyn FnMut(&str)) {
    visit(text);
    if text.contains('/') {
        let path = text.split(['?', '#']).next().unwrap_or(text).trim_end_matches('/');
        let (head, last) = path.rsplit_once('/').unwrap_or(("", path));
        let last = last.split_once(':').map_or(last, |(id, _)| id);
        let end = if head.is_empty() { path.len() } else { head.len() + 1 + last.len() };
        path.get(..end).filter(|plain| *plain != text).into_iter().for_each(visit);
    }
}

/// Calls `visit` with each text of a JSON body, a form or a batch file that may be an id: a whole JSON
/// string, or a whole line.
///
/// It ignores the content type and decodes JSON escapes, so that it finds every id that another reader may
/// find.
pub(super) fn in_body<'b>(pieces: impl Iterator<Item = &'b [u8]>, visit: &mut dyn FnMut(&str)) {
    let mut texts = Texts::default();
    for byte in pieces.flat_map(|piece| piece.iter()) {
        if texts.next(*byte).is_break() {
            texts.end(visit);
        }
    }
    texts.end(visit);
}

/// The current text.
#[derive(Default)]
struct Texts {
    text: Vec<u8>,
    /// Whether a blank follows the text. Some readers trim it.
    is_blank_behind: bool,
    is_other: bool,
    escape: Escape,
}

#[derive(Clone, Copy, Default)]
enum Escape {
    #[default]
    No,
    Begun,
    /// The number of digits read of `\uXXXX`, and their value.
    Unicode(u8, u32),
}

impl Texts {
    /// Breaks at the end of a text.
    fn next(&mut self, byte: u8) -> ControlFlow<()> {
        match (self.escape, byte) {
            (Escape::No, b'"' | b'\r' | b'\n') => return ControlFlow::Break(()),
            (Escape::No, b'\\') => self.escape = Escape::Begun,
            (Escape::No, byte) => self.push(byte),
            (Escape::Begun, b'u') => self.escape = Escape::Unicode(0, 0),
            (Escape::Begun, byte) => {
                self.escape = Escape::No;
                match byte {
                    b'/' => self.push(byte),
                    b'n' | b'r' | b't' => self.push(b' '),
                    _ => self.is_other = true,
                }
            }
            (Escape::Unicode(count, value), byte) => match char::from(byte).to_digit(16) {
                Some(digit) if count == 3 => {
                    self.escape = Escape::No;
                    match u8::try_from(value * 16 + digit) {
                        Ok(byte) => self.push(byte),
                        _ => self.is_other = true,
                    }
                }
                Some(digit) => self.escape = Escape::Unicode(count + 1, value * 16 + digit),
                None => {
                    self.escape = Escape::No;
                    self.is_other = true;
                }
            },
        }
        ControlFlow::Continue(())
    }

    fn push(&mut self, byte: u8) {
        if byte.is_ascii_whitespace() {
            self.is_blank_behind = !self.text.is_empty();
            return;
        }
        self.is_other |= self.is_blank_behind;
        if self.text.len() < LONGEST_ID && byte.is_ascii_graphic() {
            self.text.push(byte);
        } else {
            self.is_other = true;
        }
    }

    fn end(&mut self, visit: &mut dyn FnMut(&str)) {
        if !self.is_other
            && !self.text.is_empty()
            && let Ok(text) = str::from_utf8(&self.text)
        {
            visit_url(text, visit);
        }
        self.text.clear();
        self.is_blank_behind = false;
        self.is_other = false;
        self.escape = Escape::No;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        for at in 0..text.len() {
            let mut found = Vec::new();
            let (head, tail) = text.as_bytes().split_at(at);
            in_body([head, tail].into_iter(), &mut |id| found.push(id.to_owned()));
            assert!(all.is_empty() || all == found, "{at}");
            all = found;
        }
        all
    }

    #[test]
    fn every_string_of_a_body_may_be_an_id_however_it_is_written() {
        for text in [
            r#"{"a": {"file_id": "file-1"}}"#,
            r#"{"a":["file\u002d1"]}"#,
            "--b\r\nContent-Disposition: form-data; name=x\r\n\r\nfile-1\r\n--b--",
            "{\"body\":{\"x\":\"file-1\"}}\n{}",
        ] {
            assert!(body(text).contains(&"file-1".to_owned()), "{text}");
        }
        assert!(body(r#"{"x":"cachedContents\/a"}"#).contains(&"cachedContents/a".to_owned()));
        assert!(body(r#"{"x":" file-1\t\u0020"}"#).contains(&"file-1".to_owned()));
        let url = r#"{"fileUri":"https://g/v1beta/files/abc:download?alt=media#x"}"#;
        assert!(body(url).contains(&"https://g/v1beta/files/abc".to_owned()));
        assert!(body(r#"{"x":"files/abc/"}"#).contains(&"files/abc".to_owned()));
        assert!(!body(r#"{"text":"what is file-1?"}"#).contains(&"file-1".to_owned()));
    }

    #[test]
    fn segments_and_values_may_be_ids() {
        let mut found = Vec::new();
        in_path("/v1beta/cachedContents/a:cancel", &mut |id| found.push(id.to_owned()));
        for id in ["a", "cachedContents/a", "cachedContents"] {
            assert!(found.contains(&id.to_owned()), "{found:?}");
        }
        let mut found = Vec::new();
        in_query(b"after=file%2D1&x", &mut |id| found.push(id.to_owned()));
        assert!(found.contains(&"file-1".to_owned()));
        let mut found = Vec::new();
        in_query(b"ids=file-1,file-2%20file-3&url=https://g/files/a%3Fx", &mut |id| {
            found.push(id.to_owned())
        });
        for id in ["file-1", "file-2", "file-3", "https://g/files/a"] {
            assert!(found.contains(&id.to_owned()), "{found:?}");
        }
    }
}
