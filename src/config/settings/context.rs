//! The state that the conversions share: the positions of keys, and the findings so far.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::base_url::BaseUrl;
use crate::config::litellm::finding::Finding;
use crate::config::problem::{Caution, Problem};
use crate::config::yaml::tree::{Node, Span};
use crate::names::{ClaimPath, ModelName, Role};

/// Findings by YAML path, such as `general_settings.role_permissions[0].role`.
pub(in crate::config) struct Context<'n> {
    root: &'n Node,
    pub(in crate::config) problems: Vec<(Problem, Option<Span>)>,
    pub(in crate::config) warnings: Vec<(Caution, Option<Span>)>,
    /// Providers that were already warned about, because no key of theirs is known.
    pub(in crate::config) without_key: HashSet<String, RandomState>,
    /// Keys without effect.
    pub(in crate::config) ignored: Vec<Finding>,
    /// Parsed URLs by their text, because thousands of models may share one.
    api_bases: HashMap<String, BaseUrl, RandomState>,
}

impl<'n> Context<'n> {
    pub(in crate::config) fn new(root: &'n Node, ignored: Vec<Finding>) -> Self {
        let (problems, warnings) = (Vec::new(), Vec::new());
        let (api_bases, without_key) = (HashMap::default(), HashSet::default());
        Self { root, problems, warnings, ignored, without_key, api_bases }
    }

    /// The file as a tree.
    pub(in crate::config) fn root(&self) -> &'n Node {
        self.root
    }

    /// Whether the file has the key, even without a value.
    pub(in crate::config) fn has(&self, path: &str) -> bool {
        self.root.place(path).is_some()
    }

    pub(in crate::config) fn line(&self, path: &str) -> u32 {
        self.root.place(path).map_or(0, |place| place.key.line)
    }

    /// Refuses the value at `path`.
    pub(in crate::config) fn refuse(&mut self, path: &str, problem: Problem) {
        let span = self.root.place(path).map(|place| place.value);
        self.problems.push((problem, span));
    }

    /// Refuses the key at `path`.
    pub(super) fn refuse_key(&mut self, path: &str, problem: Problem) {
        let span = self.root.place(path).map(|place| place.key);
        self.problems.push((problem, span));
    }

    /// Warns about the value at `path`.
    pub(super) fn warn(&mut self, path: &str, caution: Caution) {
        let span = self.root.place(path).map(|place| place.value);
        self.warnings.push((caution, span));
    }

    /// Warns about the key at `path`.
    pub(in crate::config) fn warn_key(&mut self, path: &str, caution: Caution) {
        let span = self.root.place(path).map(|place| place.key);
        self.warnings.push((caution, span));
    }

    pub(in crate::config) fn role(&mut self, path: &str, role: &str) -> Option<Role> {
        let parsed = role.parse().ok();
        if parsed.is_none() {
            self.refuse(path, Problem::UnknownRole { role: role.to_owned() });
        }
        parsed
    }

    /// A claim path, or a list of paths. The first path that a token has is used.
    pub(super) fn claim_path(&mut self, path: &str, claims: Option<Vec<String>>) -> Option<ClaimPath> {
        let claims = claims?;
        if claims.is_empty() {
            let key = path.rsplit('.').next().unwrap_or(path).to_owned();
            self.refuse(path, Problem::Empty { key });
        }
        let single = claims.len() == 1 && !self.has(&format!("{path}[0]"));
        let mut parsed = Vec::with_capacity(claims.len());
        for (i, claim) in claims.into_iter().enumerate() {
            match claim.parse::<ClaimPath>() {
                Ok(claim) => parsed.push(claim),
                Err(_) if single => self.refuse(path, Problem::ClaimPath { path: claim }),
                Err(_) => self.refuse(&format!("{path}[{i}]"), Problem::ClaimPath { path: claim }),
            }
        }
        let mut parsed = parsed.into_iter();
        parsed.next().map(|first| first.or(parsed.collect()))
    }

    pub(super) fn model_names(&mut self, path: &str, names: Vec<String>) -> Vec<ModelName> {
        let names = names.into_iter().enumerate();
        names.filter_map(|(i, name)| self.model_name(|| format!("{path}[{i}]"), &name)).collect()
    }

    /// There may be very many, so the path is only computed for one that is refused.
    pub(in crate::config) fn model_name(
        &mut self,
        path: impl FnOnce() -> String,
        name: &str,
    ) -> Option<ModelName> {
        let parsed = ModelName::new(name).ok();
        if parsed.is_none() {
            self.refuse(&path(), Problem::Empty { key: "the name of a model".to_owned() });
        }
        parsed
    }

    /// Returns an endpoint from the value at `path` or from its replacement.
    pub(in crate::config) fn api_base(
        &mut self,
        path: impl FnOnce() -> String,
        key: &str,
        text: &str,
    ) -> Option<BaseUrl> {
        if let Some(known) = self.api_bases.get(text) {
            return Some(known.clone());
        }
        match BaseUrl::parse(text) {
            Ok(url) => {
                self.api_bases.insert(text.to_owned(), url.clone());
                Some(url)
            }
            Err(reason) => {
                self.refuse(&path(), Problem::Url { key: key.to_owned(), reason });
                None
            }
        }
    }

    /// Refuses the empty string.
    pub(in crate::config) fn not_empty(&mut self, path: &str, value: &str) {
        if value.is_empty() {
            let key = path.rsplit('.').next().unwrap_or(path).to_owned();
            self.refuse(path, Problem::Empty { key });
        }
    }

    /// A duration in seconds within `range`, or `default`.
    pub(in crate::config) fn seconds(
        &mut self,
        path: &str,
        seconds: Option<f64>,
        range: RangeInclusive<u32>,
        default: Duration,
    ) -> Duration {
        let Some(seconds) = seconds else { return default };
        if seconds >= f64::from(*range.start()) && seconds <= f64::from(*range.end()) {
            return Duration::try_from_secs_f64(seconds).unwrap_or(default);
        }
        let key = path.rsplit('.').next().unwrap_or(path).to_owned();
        let range = format!("from {} to {} seconds", range.start(), range.end());
        self.refuse(path, Problem::OutOfRange { key, range });
        default
    }
}
