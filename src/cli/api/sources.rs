//! The texts of the rules in force, with secrets replaced.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::answer::{ApiError, json_answer};
use crate::casefile::CaseFile;
use crate::cli::diff::side::Side;
use crate::config::Config;
use crate::dropins::{DropInError, DropIns};
use crate::gateway::Generation;
use crate::gateway::admin::ApiAnswer;

/// A file and its text.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    pub(super) name: String,
    pub(super) text: String,
}

/// The texts of a generation. The configuration has its secrets.
pub(super) struct Texts {
    pub(super) config: Text,
    pub(super) policies: Vec<Text>,
    pub(super) tests: Vec<PathBuf>,
}

/// Reads policies from their texts.
pub(super) fn dropins(files: &[Text]) -> Result<DropIns, Box<DropInError>> {
    let files: Vec<(&str, &str)> =
        files.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect();
    DropIns::of_texts(&files)
}

impl Texts {
    pub(super) fn of(generation: &Generation) -> Result<Self, ApiError> {
        let missing = || ApiError::Missing("the rules in force come from no file".to_owned());
        let origin = generation.origin().ok_or_else(missing)?;
        let mut texts = origin.rules.iter().map(|file| Text {
            name: file.path.to_string_lossy().into_owned(),
            text: String::from_utf8_lossy(&file.content).into_owned(),
        });
        let config = texts.next().ok_or_else(missing)?;
        let tests = generation.snapshot().config().gateway.tests.clone();
        Ok(Self { config, policies: texts.collect(), tests })
    }

    /// The rules in force, to be asked.
    pub(super) fn side(&self, generation: &Generation) -> Result<Side, ApiError> {
        let dropins = dropins(&self.policies).map_err(ApiError::rules)?;
        Side::new(generation.snapshot().config().clone(), dropins).map_err(ApiError::rules)
    }

    /// The lines that an explanation names as `file:line`, with secrets replaced.
    pub(super) fn lines<'p>(&self, places: impl IntoIterator<Item = &'p str>) -> Vec<Value> {
        let places: BTreeSet<&str> = places.into_iter().collect();
        let config = Config::without_secrets(&self.config.text);
        let policies = self.policies.iter().map(|file| (file.name.as_str(), file.text.as_str()));
        let files: Vec<(&str, &str)> =
            std::iter::once((self.config.name.as_str(), config.as_str())).chain(policies).collect();
        let found = places.into_iter().filter_map(|place| {
            let (name, number) = place.rsplit_once(':')?;
            let line: usize = number.parse().ok()?;
            let (_, text) = files.iter().find(|(known, _)| *known == name)?;
            let text = text.lines().nth(line.checked_sub(1)?)?;
            Some(json!({"file": name, "line": line, "text": text}))
        });
        found.collect()
    }
}

impl Api {
    pub(super) async fn sources(&self) -> Result<ApiAnswer, ApiError> {
        let active = self.reloader.gateway().active();
        self.jobs
            .run(move || {
                let texts = Texts::of(&active)?;
                // Files of cases are not part of what is in force, and may be gone.
                let cases = CaseFile::texts(&texts.tests).unwrap_or_default();
                let config = Config::without_secrets(&texts.config.text);
                let policies =
                    texts.policies.iter().map(|file| json!({"name": file.name, "text": file.text}));
                let cases = cases.iter().map(|(name, text)| json!({"name": name, "text": text}));
                Ok(json_answer(&json!({
                    "config": {"name": texts.config.name, "text": config},
                    "policies": policies.collect::<Vec<_>>(),
                    "cases": cases.collect::<Vec<_>>(),
                })))
            })
            .await
    }
}
