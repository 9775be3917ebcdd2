//! What was tried for one request.

use tokio::time::Instant;

use crate::names::ModelName;

/// The attempts to serve a request. A request that succeeds at once allocates nothing here.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Attempts {
    /// The positions of this model's deployments that failed.
    tried: Vec<usize>,
    /// How many attempts for this model failed.
    failures: u32,
    /// How many attempts for any model failed.
    all_failures: u32,
    /// How many fallbacks were considered.
    fallbacks: usize,
    /// The model that the request asks for, if another one stands in for it.
    replaced: Option<ModelName>,
    /// When the answer must have ended, whichever attempt it is of.
    end: Option<Instant>,
}

impl Attempts {
    pub(in crate::gateway) fn tried(&self) -> &[usize] {
        &self.tried
    }

    /// Whether nothing was tried yet, or the request is judged again.
    pub(in crate::gateway) fn is_first(&self) -> bool {
        self.tried.is_empty() && self.replaced.is_none()
    }

    /// Records that a deployment failed, and returns how many attempts for this model have.
    pub(in crate::gateway) fn failed(&mut self, position: usize) -> u32 {
        if !self.tried.contains(&position) {
            self.tried.push(position);
        }
        self.failures += 1;
        self.all_failures += 1;
        self.failures
    }

    /// Every deployment may be tried once more.
    pub(in crate::gateway) fn repeat(&mut self) {
        self.tried.clear();
    }

    /// The number of the attempt that comes next or is under way.
    pub(in crate::gateway) fn number(&self) -> u32 {
        self.all_failures + 1
    }

    /// The model that the request asks for. `served` is the one that it is served by now.
    pub(in crate::gateway) fn asked<'m>(&'m self, served: &'m ModelName) -> &'m ModelName {
        self.replaced.as_ref().unwrap_or(served)
    }

    pub(in crate::gateway) fn is_fallback(&self) -> bool {
        self.replaced.is_some()
    }

    /// The next of these fallbacks.
    pub(in crate::gateway) fn next_of<'m>(&mut self, fallbacks: &'m [ModelName]) -> Option<&'m ModelName> {
        let next = fallbacks.get(self.fallbacks);
        self.fallbacks += 1;
        next
    }

    /// Another model stands in for the one that was `asked` for.
    pub(in crate::gateway) fn fall_back(&mut self, asked: ModelName) {
        self.tried.clear();
        self.failures = 0;
        self.replaced.get_or_insert(asked);
    }

    /// The request is judged again, so that it is served by what it asks for.
    pub(in crate::gateway) fn start_over(&mut self) {
        let Self { all_failures, end, .. } = *self;
        *self = Self { all_failures, end, ..Self::default() };
    }

    pub(in crate::gateway) fn end(&self) -> Option<Instant> {
        self.end
    }

    pub(in crate::gateway) fn ends_at(&mut self, end: Instant) {
        self.end.get_or_insert(end);
    }
}
