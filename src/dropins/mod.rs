//! Rules that operators drop in beside the YAML: `*.cedar`, `*.cedarschema` and `*.entities.json` in one directory.
//!
//! A dropped-in `permit` adds to what the configuration grants, a `forbid` takes away, and the gates of the configuration
//! hold all the same. Everything is validated strictly before any of it is in force.

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

pub(crate) use drop_in::{DropIn, annotation};
pub(crate) use entities::StaticEntities;
#[cfg(feature = "gateway")]
pub(crate) use files::{is_ours, list};
pub(crate) use schema::MergedSchema;
pub(crate) use text_file::TextFile;

/// What a directory of policies holds, read but not validated yet: that takes the schema of a snapshot.
#[derive(Clone, Debug, Default)]
pub struct DropIns {
    pub(crate) policies: Vec<DropIn>,
    pub(crate) schemas: Vec<TextFile>,
    pub(crate) entities: Vec<TextFile>,
    files: Vec<(PathBuf, Arc<str>)>,
}

impl DropIns {
    /// Reads every file below `directory`, in the order of names. Hidden files and directories are passed over, so that
    /// a Kubernetes ConfigMap is read once, through its links.
    ///
    /// # Errors
    ///
    /// [`DropInError`] names each file that cannot be read or parsed, with the place.
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

    /// Reads files that are in no directory, from their names and texts.
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

    /// The files with their texts, in the order in which they were read.
    #[must_use]
    pub fn files(&self) -> &[(PathBuf, Arc<str>)] {
        &self.files
    }

    /// How many policies there are.
    #[must_use]
    pub fn policy_count(&self) -> usize {
        self.policies.len()
    }
}
