//! How a request uses its model, for policies that ask.

use serde::{Deserialize, Serialize};

/// What the body says beside the model. What it leaves out is left out here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelUse {
    /// It asks for a streamed answer.
    pub stream: bool,
    /// The largest number of tokens that it asks for, under any API's name.
    pub max_tokens: Option<i64>,
    /// The largest number of answers that it asks for.
    pub n: Option<i64>,
    /// The largest `temperature`.
    pub temperature: Option<f64>,
    /// How many tools, functions and servers of tools it offers.
    pub tools: i64,
    /// It holds an image, or asks for one.
    pub images: bool,
    /// It holds audio, or asks for it.
    pub audio: bool,
}

impl ModelUse {
    /// Adds what the route alone says.
    pub(in crate::request) fn on(self, route: &str) -> Self {
        // The forms of these routes hold a recording, or an image.
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

/// Google's and Bedrock's verbs that ask for a streamed answer.
const STREAMING: [&str; 5] = [
    ":streamGenerateContent",
    ":streamRawPredict",
    ":serverStreamingPredict",
    "/invoke-with-response-stream",
    "/converse-stream",
];
