//! A case: a request, and the answer that is expected.

use std::path::PathBuf;

use crate::tools::offline::Question;

/// A file of cases.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// Its path, as reports show it.
    pub name: String,
    /// `config`: the configuration that the cases are about.
    pub config: Option<PathBuf>,
    /// `policies`: the directory of policies beside it.
    pub policies: Option<PathBuf>,
    /// `cases`, in order.
    pub cases: Vec<Case>,
}

/// A request, and the answer that is expected.
#[derive(Clone, Debug)]
pub struct Case {
    /// What the case says, for reports.
    pub note: String,
    /// Where it begins, from 1.
    pub line: u32,
    /// What is asked.
    pub question: Question,
    /// What must be answered.
    pub expect: Expect,
}

/// What must be answered. What is `None` may be anything.
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
    /// The ids of all policies under trial that would decide otherwise, in any order.
    pub shadow: Option<Vec<String>>,
    /// What the caller is told.
    pub reason: Option<String>,
}
