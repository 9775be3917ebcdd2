//! What a JSON body says beside its models, for policies that ask. Collected in the one pass that validates the body.

use serde::de::{Deserializer, Error as _, IgnoredAny, Unexpected};

use super::ModelUse;
use super::keys::Keys;
use super::scan::{Json, decoded};
use super::string::Token;
use super::walk::{Look, raw, walk};

/// A field at the top of a JSON body that says how the model is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    MaxTokens,
    N,
    Temperature,
    Functions,
    /// What is said to the model: text, images, audio.
    Said,
    Image,
    Audio,
}

/// Fields with a number, which some upstreams would also take from a key in other letters.
pub(super) static NUMBERS: Keys<Detail, 6> = Keys::new([
    ("max_tokens", Detail::MaxTokens),
    ("max_completion_tokens", Detail::MaxTokens),
    ("max_output_tokens", Detail::MaxTokens),
    ("n", Detail::N),
    ("temperature", Detail::Temperature),
    ("functions", Detail::Functions),
]);

pub(super) static OTHERS: Keys<Detail, 9> = Keys::new([
    ("messages", Detail::Said),
    ("input", Detail::Said),
    ("contents", Detail::Said),
    ("content", Detail::Said),
    ("system", Detail::Said),
    ("prompt", Detail::Said),
    ("image", Detail::Image),
    ("images", Detail::Image),
    ("audio", Detail::Audio),
]);

impl Detail {
    /// Reads the value that the key has.
    pub(super) fn read(self, json: &mut Json<'_>, used: &mut ModelUse) -> Result<(), String> {
        if self == Self::Said {
            return walk(json, Media { used, is_kind: false });
        }
        let (_, value) = raw(json)?;
        match self {
            Self::MaxTokens => {
                used.max_tokens = used.max_tokens.max(whole(value)?);
            }
            Self::N => used.n = whole(value)?,
            Self::Temperature => used.temperature = decoded(value)?,
            Self::Functions => {
                let functions: Option<Vec<IgnoredAny>> = decoded(value)?;
                let count = functions.map_or(0, |functions| functions.len());
                used.tools = used.tools.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
            }
            Self::Said => {}
            Self::Image => used.images |= value != "null",
            Self::Audio => used.audio |= value != "null",
        }
        Ok(())
    }
}

/// The whole number, rounded up, that the text of a value says, or `null`.
fn whole(value: &str) -> Result<Option<i64>, String> {
    // So few digits are the same in a float.
    if value.len() <= 15
        && let Ok(number) = value.parse()
    {
        return Ok(Some(number));
    }
    Ok(decoded::<Option<Whole>>(value)?.map(|Whole(number)| number))
}

/// A whole number. One beyond 64 bits counts as the largest or smallest.
struct Whole(i64);

impl<'b> serde::Deserialize<'b> for Whole {
    #[expect(clippy::cast_possible_truncation, reason = "`as` takes a float to the nearest end of the range")]
    fn deserialize<D: Deserializer<'b>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if number.is_nan() {
            Err(D::Error::invalid_value(Unexpected::Float(number), &"a number"))
        } else {
            Ok(Self(number.ceil() as i64))
        }
    }
}

/// Looks for images and audio among what is said.
struct Media<'m> {
    used: &'m mut ModelUse,
    /// The value says what kind of part, or what type of data, it stands in.
    is_kind: bool,
}

impl Look for Media<'_> {
    type Inside<'l>
        = Media<'l>
    where
        Self: 'l;

    fn text(&mut self, text: Token<'_>) -> Result<(), String> {
        if self.is_kind {
            let text = &*text.decoded()?;
            self.used.images |=
                matches!(text, "image_url" | "image" | "input_image") || text.starts_with("image/");
            self.used.audio |= matches!(text, "input_audio" | "audio") || text.starts_with("audio/");
        }
        Ok(())
    }

    fn element(&mut self) -> Media<'_> {
        Media { used: &mut *self.used, is_kind: false }
    }

    fn member(&mut self, key: Token<'_>) -> Result<Media<'_>, String> {
        // OpenAI's and Anthropic's kinds of parts, and Google's types of data.
        let is_kind = matches!(&*key.decoded()?, "type" | "mimeType" | "mime_type");
        Ok(Media { used: &mut *self.used, is_kind })
    }
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;

    fn used(body: &str) -> Result<ModelUse, String> {
        json::read(body.as_bytes()).map(|content| content.model_use)
    }

    #[test]
    fn the_largest_limit_counts() {
        let body = r#"{"max_tokens": 5, "max_completion_tokens": 4096.0, "max_output_tokens": null}"#;
        assert_eq!(used(body).unwrap().max_tokens, Some(4096));
        assert_eq!(used("{}").unwrap().max_tokens, None);
    }

    #[test]
    fn a_number_that_some_reader_takes_otherwise_is_refused() {
        for body in [
            r#"{"max_tokens": "4096"}"#,
            r#"{"n": [2]}"#,
            r#"{"temperature": "0"}"#,
            r#"{"max_tokens": 1, "max_tokens": 2}"#,
            r#"{"Max_Tokens": 1}"#,
        ] {
            assert!(used(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_refused_in_what_is_only_counted_too() {
        for body in [r#"{"functions": ["\ud800"]}"#, r#"{"image": "\udc00"}"#, r#"{"audio": {"\ud800": 1}}"#]
        {
            assert!(used(body).is_err(), "{body}");
        }
    }

    #[test]
    fn tools_and_functions_are_counted() {
        let body =
            r#"{"tools": [{"type": "function"}, {"type": "web_search"}], "functions": [{"name": "f"}]}"#;
        assert_eq!(used(body).unwrap().tools, 3);
        assert_eq!(used(r#"{"tools": null, "functions": []}"#).unwrap().tools, 0);
        assert_eq!(used(r#"{"tools": {"functionDeclarations": []}}"#).unwrap().tools, 1);
    }

    #[test]
    fn images_and_audio_are_found_in_each_providers_form() {
        let images = [
            r#"{"messages": [{"content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}"#,
            r#"{"messages": [{"content": [{"type": "image", "source": {}}]}]}"#,
            r#"{"input": [{"content": [{"type": "input_image"}]}]}"#,
            r#"{"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}]}]}"#,
            r#"{"image": "x"}"#,
        ];
        for body in images {
            assert!(used(body).unwrap().images, "{body}");
        }
        let audio = [
            r#"{"messages": [{"content": [{"type": "input_audio"}]}]}"#,
            r#"{"contents": [{"parts": [{"inline_data": {"mime_type": "audio/wav"}}]}]}"#,
            r#"{"audio": {"voice": "x"}}"#,
        ];
        for body in audio {
            assert!(used(body).unwrap().audio, "{body}");
        }
        let neither = r#"{"messages": [{"type": "text", "content": "image_url"}], "audio": null}"#;
        assert!(!used(neither).unwrap().images && !used(neither).unwrap().audio);
    }

    #[test]
    fn the_rest_is_as_it_is_said() {
        let said = used(r#"{"n": 3, "temperature": 0.5, "stream": true}"#).unwrap();
        assert_eq!((said.n, said.temperature, said.stream), (Some(3), Some(0.5), true));
    }
}
