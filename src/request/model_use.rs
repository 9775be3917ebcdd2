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

impl ModelUse {
    /// The same with what the route alone says.
    pub(super) fn on(self, route: &str) -> Self {
        // Their forms hold a recording, or an image.
        let hears = route.ends_with("audio/transcriptions") || route.ends_with("audio/translations");
        let sees = route.ends_with("images/edits") || route.ends_with("images/variations");
        Self { audio: self.audio || hears, images: self.images || sees, ..self }
    }
}
