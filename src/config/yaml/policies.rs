//! Reads `modelgate.policies` without the rest of a file.

use serde::Deserialize;

use super::environment::REFERENCE;
use super::tree::options;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    modelgate: Option<Ours>,
}

#[derive(Deserialize)]
struct Ours {
    #[serde(default)]
    policies: Option<String>,
}

/// Whether the policies of a file certainly do not come from a server. If the file is invalid, that is not certain.
///
/// This takes a fraction of the time and of the memory that the tree of a large file takes.
pub(in crate::config) fn are_local(text: &str) -> bool {
    let file: Result<File, _> = serde_saphyr::from_str_with_options(text, options());
    let is_local = |policies: &String| !policies.contains("://") && !policies.contains(REFERENCE);
    file.is_ok_and(|file| file.modelgate.and_then(|ours| ours.policies).as_ref().is_none_or(is_local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_local_only_if_nothing_says_otherwise() {
        for local in [
            "model_list: []\nmodelgate: {policies: policies}\n",
            "modelgate: {policies: /etc/policies, listen: 127.0.0.1:1}\nteams: [{team_id: a, models: [1, yes, ~]}]\n",
            "modelgate:\ngeneral_settings: {master_key: https://x}\n",
            "{\"model_list\": []}",
            "modelgate: {policies: ~}\n",
        ] {
            assert!(are_local(local), "{local}");
        }
        for unknown in [
            "modelgate: {policies: https://example.com/p.tar.gz}\n",
            "modelgate: {policies: \"https\\u003a//example.com/p.tar.gz\"}\n",
            "modelgate:\n  policies:\n    https://example.com/p.tar.gz\n",
            "modelgate: {policies: os.environ/POLICIES}\n",
            "x: &p https://example.com/p.tar.gz\nmodelgate: {policies: *p}\n",
            "x: &o {policies: https://example.com/p.tar.gz}\nmodelgate: {<<: *o}\n",
            "modelgate: {policies: a, policies: https://example.com/p.tar.gz}\n",
            "modelgate: [\n",
            "modelgate: {policies: [a]}\n",
        ] {
            assert!(!are_local(unknown), "{unknown}");
        }
    }
}
