//! The effect on answers of a LiteLLM key that is ignored here.

use std::fmt;

/// How an ignored key would change the answers that callers get from LiteLLM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Effect {
    /// It changes nothing: storage, logs, prices, the admin interface, or a key that LiteLLM ignores too.
    Harmless,
    /// Callers get other answers than from LiteLLM, but cannot call more.
    ChangesAnswers,
}

impl Effect {
    /// The name in reports, such as `changes answers`.
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
    /// The key with its block, such as `router_settings.fallbacks`. Lists have no index, because one entry represents
    /// all.
    pub key: String,
    /// The line of the first occurrence.
    pub line: u32,
    /// The number of occurrences in the file.
    pub count: usize,
    /// The effect of ignoring it.
    pub effect: Effect,
    /// The reason why it has no effect, or what happens instead. It may be empty.
    pub reason: &'static str,
}
