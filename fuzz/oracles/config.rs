//! A configuration is refused, or it can become active. It always has the same meaning.
//!
//! An input is the text of the file.

use std::path::Path;

use modelgate::config::Config;
use modelgate::engine::Snapshot;
use modelgate::translate::translate;

const MAX_LEN: usize = 16 * 1024;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if data.len() > MAX_LEN {
        return;
    }
    let (first, second) = (parse(text), parse(text));
    assert_eq!(first.is_some(), second.is_some(), "read once and refused once");
    let (Some(first), Some(second)) = (first, second) else { return };
    let (policies, again) = (policies(&first), policies(&second));
    assert!(policies.is_some(), "what was read cannot be translated");
    assert_eq!(policies, again, "one text means two things");
    let built = Snapshot::build(first);
    assert!(built.is_ok(), "a parsed configuration cannot become active: {:?}", built.err());
}

/// The environment and the disk are empty, so the result depends only on the text.
fn parse(text: &str) -> Option<Config> {
    Config::parse("fuzz.yaml", text, Path::new("/nonexistent"), &|_| None).ok()
}

fn policies(config: &Config) -> Option<Vec<Option<String>>> {
    let bundle = translate(config).ok()?;
    Some(bundle.policies.iter().map(|policy| policy.to_cedar().ok()).collect())
}
