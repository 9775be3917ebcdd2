//! Reports the settings that LiteLLM applies and modelgate ignores.

use crate::config::{Config, Effect};
use crate::display::escape;

/// One line for each ignored key that changes answers, and one line for all the others.
pub(super) fn lines(config: &Config) -> Vec<String> {
    let with = |effect: Effect| config.ignored.iter().filter(move |ignored| ignored.effect == effect);
    let mut lines: Vec<_> = with(Effect::ChangesAnswers)
        .map(|ignored| {
            let (key, line) = (escape(&ignored.key), ignored.line);
            format!("ignored (changes answers): {key}, line {line}: {}", ignored.reason)
        })
        .collect();
    let harmless: Vec<_> = with(Effect::Harmless).map(|ignored| escape(&ignored.key).into_owned()).collect();
    if !harmless.is_empty() {
        lines.push(format!("ignored (harmless): {}", harmless.join(", ")));
    }
    lines
}
