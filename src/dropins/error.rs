//! What is wrong with dropped-in files.

use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::TextFile;

/// Files of a policy directory that are refused, all at once.
#[derive(Debug, Default, thiserror::Error, Diagnostic)]
#[error("{}", summary(.findings))]
pub struct DropInError {
    #[related]
    findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct Finding {
    message: String,
    #[source_code]
    file: Arc<NamedSource<String>>,
    #[label("here")]
    span: Option<SourceSpan>,
    #[help]
    help: Option<String>,
    line: Option<usize>,
}

fn summary(findings: &[Finding]) -> String {
    let first =
        findings.first().map(|finding| format!(": {}: {finding}", finding.place())).unwrap_or_default();
    format!("the dropped-in policies are refused{first}")
}

impl DropInError {
    /// An error, if anything was found.
    pub(crate) fn unless_empty(findings: Vec<Finding>) -> Result<(), Box<Self>> {
        if findings.is_empty() { Ok(()) } else { Err(Box::new(Self { findings })) }
    }

    /// What was found, in the order of the files.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl Finding {
    /// Something wrong with a file as a whole.
    pub(crate) fn in_file(file: &TextFile, message: impl Into<String>) -> Self {
        Self::new(&file.name, &file.text, message)
    }

    /// A file that cannot be read.
    pub(crate) fn unread(name: &str, message: impl Into<String>) -> Self {
        Self::new(name, "", message)
    }

    fn new(name: &str, text: &str, message: impl Into<String>) -> Self {
        let file = Arc::new(NamedSource::new(name, text.to_owned()));
        Self { message: message.into(), file, span: None, help: None, line: None }
    }

    /// What another library found, at the place that it marked.
    pub(crate) fn from_diagnostic(file: &TextFile, found: &dyn Diagnostic, fallback: usize) -> Self {
        let label = found.labels().and_then(|mut labels| labels.next());
        let (offset, length) = label.map_or((fallback, 0), |label| (label.offset(), label.len()));
        let help = found.help().map(|help| help.to_string());
        Self { help, ..Self::in_file(file, found.to_string()).at(file, offset, length) }
    }

    pub(crate) fn at(mut self, file: &TextFile, offset: usize, length: usize) -> Self {
        let offset = offset.min(file.text.len());
        self.line = Some(file.line_at(offset));
        self.span = Some((offset, length.min(file.text.len() - offset)).into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// `file:line`, or the file alone.
    #[must_use]
    pub fn place(&self) -> String {
        self.line.map_or_else(|| self.file.name().to_owned(), |line| format!("{}:{line}", self.file.name()))
    }
}
