//! Errors in drop-in files.

use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

use super::text_file::TextFile;

/// Refused files of a policy directory. The error displays the first finding. The others are related errors.
#[derive(Debug, Default, thiserror::Error)]
#[error("{}", summary(.findings))]
pub struct DropInError {
    findings: Vec<Finding>,
}

impl Diagnostic for DropInError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.findings.first()?.help()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.findings.first()?.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.findings.first()?.labels()
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        let others = self.findings.iter().skip(1).map(|finding| finding as &dyn Diagnostic);
        (self.findings.len() > 1).then(|| Box::new(others) as Box<_>)
    }
}

/// One mistake in a file.
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
    /// Returns an error if there are findings.
    pub(crate) fn unless_empty(findings: Vec<Finding>) -> Result<(), Box<Self>> {
        if findings.is_empty() { Ok(()) } else { Err(Box::new(Self { findings })) }
    }

    /// All findings, in the order of the files.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl Finding {
    /// A finding about a whole file.
    pub(crate) fn in_file(file: &TextFile, message: impl Into<String>) -> Self {
        Self::new(&file.name, &file.text, message)
    }

    /// A finding about a file that cannot be read.
    pub(crate) fn unread(name: &str, message: impl Into<String>) -> Self {
        Self::new(name, "", message)
    }

    fn new(name: &str, text: &str, message: impl Into<String>) -> Self {
        let file = Arc::new(NamedSource::new(name, text.to_owned()));
        Self { message: message.into(), file, span: None, help: None, line: None }
    }

    /// A finding from another library's error, at the position that the error marks.
    pub(crate) fn from_diagnostic(file: &TextFile, found: &dyn Diagnostic, fallback: usize) -> Self {
        let label = found.labels().and_then(|mut labels| labels.next());
        let (offset, length) = label.map_or((fallback, 0), |label| (label.offset(), label.len()));
        let is_compared =
            file.text.get(offset + length..).is_some_and(|rest| rest.trim_start().starts_with("like"));
        // Cedar mistakes the comparison for a type test.
        let help = found.help().map(|help| match help.to_string() {
            help if is_compared && help.contains("`is`") => {
                "`like` compares texts: write `resource.name like` for a model, `resource.path like` for a route".to_owned()
            }
            help => help,
        });
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

    /// The file.
    #[cfg(feature = "cli")]
    pub(crate) fn file(&self) -> &str {
        self.file.name()
    }

    /// The line, and the column of the first byte of the finding, both from 1.
    #[cfg(feature = "cli")]
    pub(crate) fn position(&self) -> (Option<usize>, Option<usize>) {
        let column = self.span.and_then(|span| {
            let before = self.file.inner().get(..span.offset())?;
            Some(before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
        });
        (self.line, column)
    }

    /// The position as `file:line`, or the file if there is no line.
    #[must_use]
    pub fn place(&self) -> String {
        self.line.map_or_else(|| self.file.name().to_owned(), |line| format!("{}:{line}", self.file.name()))
    }
}
