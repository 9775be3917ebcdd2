//! The head of a part of a form (RFC 7578 section 4).

use crate::request::keys::spelling::is_disguised;

/// The facts in the head of a part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The field's name.
    pub name: String,
    /// Whether every reader treats the part as a text field, and none as a file.
    pub is_plain_text: bool,
    /// Whether some reader treats the part as a file to store.
    pub is_file: bool,
    /// Whether the part claims to be JSON.
    pub is_json: bool,
    /// The content type that the part's type or file name implies.
    pub media: Option<Media>,
    /// `Content-Length`, which a few readers trust.
    pub length: Option<usize>,
}

/// The content types that policies can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Image,
    Audio,
}

impl Media {
    fn of(kind: Option<&str>, filename: Option<&str>) -> Option<Self> {
        const IMAGES: [&str; 8] = ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tiff", "svg"];
        const SOUNDS: [&str; 8] = ["mp3", "wav", "m4a", "ogg", "flac", "mpga", "webm", "opus"];
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        let ending = filename.and_then(|name| name.rsplit_once('.')).map_or("", |(_, ending)| ending);
        let is_of = |endings: &[&str]| endings.iter().any(|known| known.eq_ignore_ascii_case(ending));
        if kind.starts_with("image/") || is_of(&IMAGES) {
            Some(Self::Image)
        } else {
            (kind.starts_with("audio/") || is_of(&SOUNDS)).then_some(Self::Audio)
        }
    }
}

/// Only these headers are accepted, because `Content-Encoding` and others make some readers decode the content.
const HEADERS: [&str; 4] =
    ["content-disposition", "content-type", "content-transfer-encoding", "content-length"];

impl Head {
    /// Parses a head without the empty line at its end.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut values: [Option<&str>; HEADERS.len()] = [None; HEADERS.len()];
        for line in text.split("\r\n") {
            // A bare line break, a folded line, and a blank before the colon are all refused here.
            if line.chars().any(char::is_control) {
                return Err("the head of a part has a control character".to_owned());
            }
            let (name, value) = line.split_once(':').ok_or("a header of a part is broken")?;
            let known = HEADERS.iter().zip(&mut values).find(|(known, _)| name.eq_ignore_ascii_case(known));
            let (known, place) = known.ok_or("a header of a part is not known")?;
            if place.replace(value.trim_matches(' ')).is_some() {
                return Err(format!("a part has two headers `{known}`"));
            }
        }
        let [disposition, kind, coding, length] = values;
        if !coding.is_none_or(|coding| CODINGS.iter().any(|plain| coding.eq_ignore_ascii_case(plain))) {
            return Err("the content of a part is encoded".to_owned());
        }
        // Readers that search the head for `name=` would find this one.
        let is_other = |kind: &str| ["multipart", "name="].iter().any(|word| kind.contains(word));
        if kind.is_some_and(|kind| is_other(&kind.to_ascii_lowercase())) {
            return Err("the type of a part is multipart or has a name".to_owned());
        }
        let (name, filename) = parse_disposition(disposition.ok_or("a part has no disposition")?)?;
        let is_file = filename.is_some();
        let is_text = kind.is_none_or(|kind| TEXTS.iter().any(|text| kind.eq_ignore_ascii_case(text)));
        Ok(Self {
            is_plain_text: is_text && !is_file,
            is_file: is_file || name == "file" || is_disguised(name, "file"),
            is_json: kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("json")),
            media: Media::of(kind, filename),
            length: length.map(parse_length).transpose()?,
            name: name.to_owned(),
        })
    }
}

const CODINGS: [&str; 3] = ["7bit", "8bit", "binary"];
const TEXTS: [&str; 3] = ["text/plain", "text/plain; charset=utf-8", "text/plain;charset=utf-8"];

fn parse_length(text: &str) -> Result<usize, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| "the length of a part is broken".to_owned())
}

/// Parses the field name and the optional file name. The accepted form is `form-data; name="…"; filename="…"`, quoted
/// and without escapes, because readers decode escapes differently. As .NET writes them, tokens without quotes and
/// `filename*` next to `filename` are accepted too.
fn parse_disposition(text: &str) -> Result<(&str, Option<&str>), String> {
    const BROKEN: &str = "the disposition of a part is broken";
    let mut rest = text.strip_prefix("form-data").ok_or("a part is not form data")?;
    let (mut name, mut filename, mut extended) = (None, None, None);
    while !rest.is_empty() {
        let (key, value) = rest.strip_prefix(';').and_then(|rest| rest.split_once('=')).ok_or(BROKEN)?;
        let quoted = value.strip_prefix('"');
        let (is_quoted, (value, behind)) = match quoted {
            Some(quoted) => (true, quoted.split_once('"').ok_or(BROKEN)?),
            None => (false, value.split_at(value.find(';').unwrap_or(value.len()))),
        };
        if !is_quoted && !is_token(value) {
            return Err(BROKEN.to_owned());
        }
        let place = match key.trim_start_matches(' ') {
            "name" => &mut name,
            "filename" => &mut filename,
            "filename*" if !is_quoted => &mut extended,
            _ => return Err(BROKEN.to_owned()),
        };
        if place.replace(value).is_some() {
            return Err("the disposition of a part has a parameter twice".to_owned());
        }
        rest = behind;
    }
    let name = name.ok_or("a part has no name")?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.[]".contains(c);
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err("the name of a part has characters that parsers decode differently".to_owned());
    }
    if filename.is_some_and(|filename| filename.contains(['\\', ';'])) {
        return Err("the file name of a part has characters that parsers decode differently".to_owned());
    }
    // Readers that do not know `filename*` would not treat a part with it alone as a file.
    if extended.is_some() && filename.is_none() {
        return Err("a part has `filename*` without `filename`".to_owned());
    }
    Ok((name, filename))
}

/// Whether a value is valid without quotes: a token (RFC 9110 section 5.6.2) without the characters that some readers
/// treat as an escape or a quote.
fn is_token(value: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "!#$&+-.^_|~%'".contains(c);
    let quotes = value.matches('\'').count();
    !value.is_empty() && value.chars().all(is_plain) && !value.starts_with('\'') && matches!(quotes, 0 | 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: &str = "Content-Disposition: form-data; name=\"model\"";

    #[test]
    fn a_field_and_a_file_are_told_apart() {
        let field = Head::parse(NAMED).unwrap();
        assert_eq!((field.name.as_str(), field.is_plain_text, field.length), ("model", true, None));
        let file = Head::parse(
            "content-disposition: form-data; name=\"file\"; filename=\"a é.mp3\"\r\nContent-Type: audio/mpeg\r\nContent-Length: 3",
        )
        .unwrap();
        assert_eq!(
            (file.name.as_str(), file.is_plain_text, file.is_file, file.length),
            ("file", false, true, Some(3))
        );
    }

    #[test]
    fn tokens_without_quotes_are_read_as_dotnet_writes_them() {
        let file = Head::parse(
            "Content-Type: audio/mpeg\r\nContent-Disposition: form-data; name=file; filename=a.mp3; filename*=utf-8''a%20b.mp3",
        )
        .unwrap();
        assert_eq!((file.name.as_str(), file.is_file, file.media), ("file", true, Some(Media::Audio)));
        let field = Head::parse("Content-Disposition: form-data; name=model").unwrap();
        assert_eq!((field.name.as_str(), field.is_plain_text), ("model", true));
    }

    #[test]
    fn a_file_says_what_it_holds_by_its_type_or_its_name() {
        for (rest, media) in [
            ("; filename=\"a.PNG\"", Some(Media::Image)),
            ("; filename=\"a\"\r\nContent-Type: IMAGE/heic", Some(Media::Image)),
            ("; filename=\"a.b.wav\"", Some(Media::Audio)),
            ("; filename=\"a.jsonl\"", None),
            ("", None),
        ] {
            let head = Head::parse(&format!("Content-Disposition: form-data; name=\"x\"{rest}")).unwrap();
            assert_eq!(head.media, media, "{rest}");
        }
    }

    #[test]
    fn a_text_in_another_charset_is_not_plain() {
        for kind in ["text/plain; charset=utf-16", "application/octet-stream", "text/plain; charset=base64"] {
            assert!(
                !Head::parse(&format!("{NAMED}\r\nContent-Type: {kind}")).unwrap().is_plain_text,
                "{kind}"
            );
        }
    }

    #[test]
    fn a_head_that_two_readers_may_read_differently_is_refused() {
        for head in [
            "",
            "Content-Type: text/plain",
            "Content-Disposition: form-data",
            "Content-Disposition: attachment; name=\"a\"",
            "Content-Disposition: form-data; name=a b",
            "Content-Disposition: form-data; name=a=b",
            "Content-Disposition: form-data; name=a\"b\"",
            "Content-Disposition: form-data; name=mo%64el",
            "Content-Disposition: form-data; name='a'",
            "Content-Disposition: form-data; name=\"\"",
            "Content-Disposition: form-data; name=\"a",
            "Content-Disposition: form-data; name =\"a\"",
            "Content-Disposition: form-data; name= \"a\"",
            "Content-Disposition: form-data; NAME=\"a\"",
            "Content-Disposition: form-data; name=\"a\";",
            "Content-Disposition: form-data, name=\"a\"",
            "Content-Disposition: form-data; name=\"a\"; name=\"a\"",
            "Content-Disposition: form-data; name=\"a\"; name*=utf-8''b",
            "Content-Disposition: form-data; name*=utf-8''a",
            "Content-Disposition: form-data; name*0=\"a\"",
            "Content-Disposition: form-data; name=\"a\"; filename*=utf-8''b",
            "Content-Disposition: form-data; name=\"a\"; filename=\"b\"; filename=\"c\"",
            "Content-Disposition: form-data; name=\"a\"; filename=\"b\\\"; name=\\\"c\"",
            "Content-Disposition: form-data; name=\"a\"; filename=\"b; name=c\"",
            "Content-Disposition: form-data; name=\"mo\\del\"",
            "Content-Disposition: form-data; name=\"mo%64el\"",
            "Content-Disposition: form-data; name=\"=?utf-8?q?model?=\"",
            "Content-Disposition: form-data; name=\"a b\"",
            "Content-Disposition: form-data; name=\"é\"",
            "Content-Disposition : form-data; name=\"a\"",
            " Content-Disposition: form-data; name=\"a\"",
            "Content-Disposition: form-data;\r\n name=\"a\"",
            "Content-Disposition: form-data; name=\"a\"\nX: y",
            "Content-Disposition: form-data; name=\"a\"\rX: y",
            "Content-Disposition: form-data; name=\"a\0\"",
        ] {
            assert!(Head::parse(head).is_err(), "{head}");
        }
        for header in [
            "Content-Disposition: form-data; name=\"b\"",
            "Content-Transfer-Encoding: base64",
            "Content-Transfer-Encoding: quoted-printable",
            "Content-Encoding: gzip",
            "Content-Type: multipart/mixed; boundary=b",
            "Content-Type: text/plain; name=\"other\"",
            "Content-Length: +3",
            "Content-Length: ",
            "X-Other: a",
            "nothing",
        ] {
            assert!(Head::parse(&format!("{NAMED}\r\n{header}")).is_err(), "{header}");
        }
        assert!(Head::parse(&format!("{NAMED}\r\nContent-Transfer-Encoding: 8BIT")).is_ok());
    }
}
