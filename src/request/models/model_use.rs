//! How a request uses its model, for policies that ask.

use serde::{Deserialize, Serialize};

/// The facts in the body besides the model. Absent members stay absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelUse {
    /// Whether it asks for a streamed response.
    pub stream: bool,
    /// The largest number of tokens that it requests, under any API's name.
    pub max_tokens: Option<i64>,
    /// The largest number of choices that it requests.
    pub n: Option<i64>,
    /// The largest `temperature`.
    pub temperature: Option<f64>,
    /// The number of tools, functions and tool servers that it offers.
    pub tools: i64,
    /// Whether it contains or requests an image.
    pub images: bool,
    /// Whether it contains or requests audio.
    pub audio: bool,
}

impl ModelUse {
    /// Adds the facts that follow from the route alone.
    pub(in crate::request) fn on(self, route: &str) -> Self {
        // Most routes end differently from all of these.
        if !route.as_bytes().last_chunk().is_some_and(|end| ENDS.contains(end)) {
            return self;
        }
        // Forms for these routes contain a recording or an image.
        let hears = route.ends_with("audio/transcriptions") || route.ends_with("audio/translations");
        let sees = route.ends_with("images/edits") || route.ends_with("images/variations");
        let streams = STREAMING.iter().any(|verb| route.ends_with(verb));
        Self {
            stream: self.stream || streams,
            audio: self.audio || hears,
            images: self.images || sees,
            ..self
        }
    }
}

/// The last letters of the routes from which something follows.
const ENDS: [[u8; 8]; 8] = [
    *b"riptions",
    *b"slations",
    *b"es/edits",
    *b"riations",
    *b"eContent",
    *b"wPredict",
    *b"gPredict",
    *b"e-stream",
];

/// Verbs of Google and Bedrock that request a streamed response.
const STREAMING: [&str; 5] = [
    ":streamGenerateContent",
    ":streamRawPredict",
    ":serverStreamingPredict",
    "/invoke-with-response-stream",
    "/converse-stream",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_table_of_ends_has_each_route_from_which_something_follows() {
        let forms = ["audio/transcriptions", "audio/translations", "images/edits", "images/variations"];
        for end in forms.into_iter().chain(STREAMING) {
            assert_ne!(ModelUse::default().on(end), ModelUse::default(), "{end}");
        }
        assert_eq!(ModelUse::default().on("/v1/chat/completions"), ModelUse::default());
    }
}
