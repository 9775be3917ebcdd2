//! Diagnostics with the problem, its file, line and column, and the line of the file itself.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, Severity, SourceCode, SourceSpan, SpanContents,
};

use super::problem::{Caution, Problem};
use super::yaml::tree::Span;

/// The reason why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{}`", file.display())]
    Read {
        /// The path.
        file: PathBuf,
        /// The reason.
        #[source]
        cause: io::Error,
    },
    /// The file has one problem.
    #[error(transparent)]
    Invalid(Box<Located<Problem>>),
    /// The file has at least two problems.
    #[error("{} errors in `{file}`", problems.len())]
    Several {
        /// The name of the file.
        file: String,
        /// The problems in the order of the file.
        problems: Vec<Located<Problem>>,
    },
}

impl ConfigError {
    pub(super) fn new(file: &str, problems: Vec<Located<Problem>>) -> Self {
        match <[_; 1]>::try_from(problems) {
            Ok([problem]) => Self::Invalid(Box::new(problem)),
            Err(problems) => Self::Several { file: file.to_owned(), problems },
        }
    }

    /// All problems in the content of the file.
    #[must_use]
    pub fn problems(&self) -> &[Located<Problem>] {
        match self {
            Self::Read { .. } => &[],
            Self::Invalid(problem) => std::slice::from_ref(problem),
            Self::Several { problems, .. } => problems,
        }
    }

    fn only(&self) -> Option<&Located<Problem>> {
        if let Self::Invalid(problem) = self { Some(problem) } else { None }
    }
}

impl Diagnostic for ConfigError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.only()?.help()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.only()?.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.only()?.labels()
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        let Self::Several { problems, .. } = self else { return None };
        Some(Box::new(problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

/// A warning about a valid configuration.
pub type Warning = Located<Caution>;

/// A finding and its position in the file.
#[derive(Clone, Debug)]
pub struct Located<T> {
    what: T,
    /// `None` for a finding outside the file, such as in an environment variable.
    span: Option<Span>,
    excerpt: Arc<Excerpt>,
}

/// The findings in the order of the file. Findings outside the file come first.
pub(super) fn located<T>(
    findings: impl IntoIterator<Item = (T, Option<Span>)>,
    excerpt: &Arc<Excerpt>,
) -> Vec<Located<T>> {
    let mut findings: Vec<_> = findings.into_iter().collect();
    findings.sort_by_key(|(_, span)| span.map(|span| span.start));
    findings.into_iter().map(|(what, span)| Located::new(what, span, excerpt)).collect()
}

impl<T> Located<T> {
    pub(super) fn new(what: T, span: Option<Span>, excerpt: &Arc<Excerpt>) -> Self {
        Self { what, span, excerpt: Arc::clone(excerpt) }
    }

    /// The finding itself.
    #[must_use]
    pub fn what(&self) -> &T {
        &self.what
    }

    /// Its line, counted from 1; `None` for a finding outside the file, such as in an environment variable.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        self.span.map(|span| span.line)
    }

    /// Its column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        let before = self.excerpt.text.get(..self.span?.start)?;
        Some(before.chars().rev().take_while(|c| *c != '\n').count() + 1)
    }
}

impl<T: fmt::Display> fmt::Display for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

impl<T: Error> Error for Located<T> {}

impl<T: Diagnostic> Diagnostic for Located<T> {
    fn severity(&self) -> Option<Severity> {
        self.what.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.what.help()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.span.map(|_| self.excerpt.as_ref() as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Span { start, len, .. } = self.span?;
        let label = LabeledSpan::new_primary_with_span(Some("here".to_owned()), (start, len));
        Some(Box::new(std::iter::once(label)))
    }
}

/// The file with its secrets redacted. Only lines with a finding are ever shown. If a handler asks for their neighbors,
/// it gets none.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    text: String,
}

impl Excerpt {
    /// `text` must not contain secrets.
    pub(super) fn new(name: &str, text: String) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), text })
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        if (context_lines_before, context_lines_after) == (0, 0) {
            // A handler that needs only the position makes this request.
            let part = self.text.read_span(span, 0, 0)?;
            return Ok(Box::new(MietteSpanContents::new_named(
                self.name.clone(),
                part.data(),
                *part.span(),
                part.line(),
                part.column(),
                part.line_count(),
            )));
        }
        let end = span.offset().saturating_add(span.len());
        let (before, after) = (self.text.get(..span.offset()), self.text.get(end..));
        let (Some(before), Some(after)) = (before, after) else { return Err(MietteError::OutOfBounds) };
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after.find('\n').map_or(self.text.len(), |newline| end + newline);
        let lines = self.text.get(start..end).unwrap_or_default();
        let contents = MietteSpanContents::new_named(
            self.name.clone(),
            lines.as_bytes(),
            (start, lines.len()).into(),
            before.matches('\n').count(),
            0,
            lines.lines().count(),
        );
        Ok(Box::new(contents))
    }
}
