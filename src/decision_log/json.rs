//! JSON that is safe to show as it stands: characters that change how text is shown are written as escapes.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::display::is_deceptive;

/// A value in one line. Its readers get every character back.
pub(super) fn to_vec(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(512);
    value.serialize(&mut Serializer::with_formatter(&mut text, Escaping))?;
    Ok(text)
}

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, deceptive)) = rest.char_indices().find(|(_, c)| is_deceptive(*c)) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            // All of them are below U+10000, so that one unit is enough.
            write!(writer, "\\u{:04x}", u32::from(deceptive))?;
            rest = from.get(deceptive.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_how_text_is_shown_is_written_as_an_escape_and_read_back() {
        let text = "a\u{7f}\u{85}\u{9b}é\u{2028}\u{202e}\u{2066}\n\"z";
        let written = String::from_utf8(to_vec(&[text]).unwrap()).unwrap();
        assert_eq!(written, r#"["a\u007f\u0085\u009bé\u2028\u202e\u2066\n\"z"]"#);
        let read: Vec<String> = serde_json::from_str(&written).unwrap();
        assert_eq!(read, [text]);
    }
}
