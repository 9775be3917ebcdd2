//! What it means for answers that a key of LiteLLM has no effect here.

use std::fmt;

/// How an ignored key would change what callers get from LiteLLM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Effect {
    /// Not at all: storage, logs, prices, the admin interface, or a key that LiteLLM ignores too.
    Harmless,
    /// Callers get other answers than from LiteLLM, and may call nothing more.
    ChangesAnswers,
}

impl Effect {
    /// The word for it in reports, such as `changes answers`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::ChangesAnswers => "changes answers",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key of LiteLLM that has no effect here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ignored {
    /// The key with its block, such as `router_settings.fallbacks`. Lists have no index: one entry stands for all.
    pub key: String,
    /// The line of the first one.
    pub line: u32,
    /// How often it stands in the file.
    pub count: usize,
    /// What that means.
    pub effect: Effect,
    /// Why it has no effect, or what happens instead; may be empty.
    pub reason: &'static str,
}
