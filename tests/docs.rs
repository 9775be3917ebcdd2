//! Parses every block of YAML, Cedar and JSON in the documentation, and runs its cases.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use modelgate::casefile::{CaseFile, run_cases};
use modelgate::config::Config;
use modelgate::engine::Snapshot;
use modelgate::sources::Sources;

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

/// A fenced block, with its file and first line.
struct Block {
    place: String,
    language: String,
    text: String,
}

/// The blocks of the README and of every page in `docs/`.
fn blocks() -> Vec<Block> {
    let mut found = vec![root().join("README.md")];
    pages(&root().join("docs"), &mut found);
    found.iter().flat_map(|page| blocks_of(page)).collect()
}

fn pages(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

fn blocks_of(page: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(page).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                let place = format!("{}:{}", page.display(), number + 1);
                blocks.push(Block { place, language: language.to_owned(), text: String::new() });
                open = true;
            }
            None if open => blocks.last_mut().unwrap().text.extend([line, "\n"]),
            None => {}
        }
    }
    blocks
}

fn of_language(language: &str) -> Vec<Block> {
    let found: Vec<Block> = blocks().into_iter().filter(|block| block.language == language).collect();
    assert!(!found.is_empty(), "no page has a block of {language}");
    found
}

/// An environment in which every variable is set.
fn variable(_: &str) -> Option<String> {
    Some("https://example.com".to_owned())
}

#[test]
fn every_configuration_loads() {
    for block in of_language("yaml").iter().filter(|block| !block.text.contains("cases:")) {
        let config = Config::parse(&block.place, &block.text, &root(), &variable);
        let config = config.unwrap_or_else(|error| panic!("{}: {:?}", block.place, error.problems()));
        Snapshot::build(config).unwrap();
    }
}

#[test]
fn every_case_passes() {
    let files: Vec<Block> =
        of_language("yaml").into_iter().filter(|block| block.text.contains("\ncases:")).collect();
    assert!(!files.is_empty());
    for block in files {
        let file = CaseFile::parse(&block.place, &block.text, &root())
            .unwrap_or_else(|error| panic!("{}: {:?}", block.place, error.problems()));
        let sources = Sources::new(file.config.as_deref().unwrap(), file.policies.as_deref());
        let report = run_cases(&sources.load(&variable).unwrap().snapshot, &[file]);
        let failures: String = report.failures().map(ToString::to_string).collect();
        assert!(report.passed() && !report.outcomes.is_empty(), "{failures}");
    }
}

#[test]
fn every_policy_schema_and_entity_file_is_valid() {
    let directory = tempfile::tempdir().unwrap();
    let policies = directory.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    for (language, ending) in [("cedar", "cedar"), ("cedarschema", "cedarschema"), ("json", "entities.json")]
    {
        for (number, block) in of_language(language).iter().enumerate() {
            std::fs::write(policies.join(format!("{number}.{ending}")), &block.text).unwrap();
        }
    }
    let sources = Sources::new(&root().join("examples/azure-ad.yaml"), Some(&policies));
    sources.load(&variable).unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
}
