//! Reads the drop-in files beside the YAML: `*.cedar`, `*.cedarschema` and `*.entities.json` in one directory.
//!
//! A dropped-in `permit` adds a grant and a `forbid` takes one away. The configuration's mandatory checks apply in any
//! case. All files are validated strictly before any of them becomes active.

mod declared;
mod drop_in;
mod entities;
mod error;
mod files;
mod policies;
mod schema;
mod text_file;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::{DropInError, Finding};

pub(crate) use declared::Declared;
pub(crate) use drop_in::{DropIn, annotation};
pub(crate) use entities::StaticEntities;
#[cfg(feature = "reload")]
pub(crate) use files::{is_ours, list};
pub(crate) use schema::MergedSchema;
pub(crate) use text_file::TextFile;

/// The drop-in files of a directory. They are parsed but not validated, because validation needs the schema of a
/// snapshot.
#[derive(Clone, Debug, Default)]
pub struct DropIns {
    pub(crate) policies: Vec<DropIn>,
    pub(crate) schemas: Vec<TextFile>,
    pub(crate) entities: Vec<TextFile>,
    files: Vec<(PathBuf, Arc<str>)>,
}

impl DropIns {
    /// Reads every drop-in file below `directory`, sorted by path. Hidden files and directories are skipped, so that
    /// each file of a Kubernetes ConfigMap is read once, through its link.
    ///
    /// # Errors
    ///
    /// [`DropInError`] lists each file that cannot be read or parsed, with the position.
    pub fn load(directory: &Path) -> Result<Self, Box<DropInError>> {
        let mut findings = Vec::new();
        let mut dropins = Self::default();
        let paths = files::list(directory).unwrap_or_else(|finding| {
            findings.push(finding);
            Vec::new()
        });
        for path in paths {
            match files::read(&path) {
                Ok(file) => {
                    dropins.files.push((path, file.text.clone()));
                    dropins.add(file, &mut findings);
                }
                Err(finding) => findings.push(finding),
            }
        }
        DropInError::unless_empty(findings)?;
        Ok(dropins)
    }

    /// Parses files that are given by name and text.
    #[cfg(feature = "gateway")]
    pub(crate) fn of_texts(files: &[(&str, &str)]) -> Result<Self, Box<DropInError>> {
        let (mut findings, mut dropins) = (Vec::new(), Self::default());
        for (name, text) in files {
            dropins.add(TextFile { name: (*name).into(), text: (*text).into() }, &mut findings);
        }
        DropInError::unless_empty(findings)?;
        Ok(dropins)
    }

    fn add(&mut self, file: TextFile, findings: &mut Vec<Finding>) {
        if file.name.ends_with(".cedar") {
            match policies::parse(&file) {
                Ok(policies) => self.policies.extend(policies),
                Err(found) => findings.extend(found),
            }
        } else if file.name.ends_with(".cedarschema") {
            self.schemas.push(file);
        } else {
            self.entities.push(file);
        }
    }

    /// The files and their texts, in the order in which they were read.
    #[must_use]
    pub fn files(&self) -> &[(PathBuf, Arc<str>)] {
        &self.files
    }

    /// The number of policies.
    #[must_use]
    pub fn policy_count(&self) -> usize {
        self.policies.len()
    }
}
