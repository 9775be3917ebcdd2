//! How a request uses its model, for policies that ask.

use serde::{Deserialize, Serialize};

/// What the body says beside the model. What it leaves out is left out here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelUse {
    /// It asks for a streamed answer.
    pub stream: bool,
    /// The largest of `max_tokens`, `max_completion_tokens` and `max_output_tokens`.
    pub max_tokens: Option<i64>,
    /// How many answers it asks for.
    pub n: Option<i64>,
    /// `temperature`.
    pub temperature: Option<f64>,
    /// How many `tools` and `functions` it offers.
    pub tools: i64,
    /// It holds an image.
    pub images: bool,
    /// It holds audio.
    pub audio: bool,
}

/// Routes whose form holds a recording, and those whose form holds an image.
const AUDIO_FORMS: [&str; 2] = ["audio/transcriptions", "audio/translations"];
const IMAGE_FORMS: [&str; 2] = ["images/edits", "images/variations"];

impl ModelUse {
    /// The same with what the route alone says.
    pub(super) fn on(self, route: &str) -> Self {
        let is_one_of = |forms: &[&str]| forms.iter().any(|form| route.ends_with(form));
        Self {
            audio: self.audio || is_one_of(&AUDIO_FORMS),
            images: self.images || is_one_of(&IMAGE_FORMS),
            ..self
        }
    }
}
