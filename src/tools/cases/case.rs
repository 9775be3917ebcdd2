//! A case: a request and the expected answer.

use std::path::PathBuf;

use crate::tools::offline::Question;

/// A file of cases.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// Its path, as reports show it.
    pub name: String,
    /// `config`: the configuration that the cases test.
    pub config: Option<PathBuf>,
    /// `policies`: the directory of policies beside it.
    pub policies: Option<PathBuf>,
    /// `cases`, in order.
    pub cases: Vec<Case>,
}

/// A request and the expected answer.
#[derive(Clone, Debug)]
pub struct Case {
    /// `note`: describes the case in reports.
    pub note: String,
    /// The line where the case begins, counted from 1.
    pub line: u32,
    /// The request.
    pub question: Question,
    /// The expected answer.
    pub expect: Expect,
}

/// The expected answer. `None` accepts any value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The verdict.
    pub allow: bool,
    /// The status.
    pub status: Option<u16>,
    /// The rule that denies.
    pub rule: Option<String>,
    /// The ids of all policies that decide, in any order.
    pub policies: Option<Vec<String>>,
    /// The ids of all shadow policies that would decide otherwise, in any order.
    pub shadow: Option<Vec<String>>,
    /// The message for the caller.
    pub reason: Option<String>,
}
