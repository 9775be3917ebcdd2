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
    /// How many fallbacks were tried.
    fallbacks: usize,
    /// The models that may stand in. The next one is the last.
    waiting: Vec<ModelName>,
    /// The models that were asked for, tried or denied.
    considered: Vec<ModelName>,
    /// When the answer must have ended, whichever attempt it is of.
    end: Option<Instant>,
}

impl Attempts {
    pub(in crate::gateway) fn tried(&self) -> &[usize] {
        &self.tried
    }

    /// Whether nothing was tried yet, or the request is judged again.
    pub(in crate::gateway) fn is_first(&self) -> bool {
        self.tried.is_empty() && self.fallbacks == 0
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

    /// Records that a deployment answered, and that another model may answer better.
    pub(in crate::gateway) fn declined(&mut self) {
        self.all_failures += 1;
    }

    /// Every deployment may be tried once more.
    pub(in crate::gateway) fn repeat(&mut self) {
        self.tried.clear();
    }

    /// The number of the attempt that comes next or is under way.
    pub(in crate::gateway) fn number(&self) -> u32 {
        self.all_failures + 1
    }

    pub(in crate::gateway) fn is_fallback(&self) -> bool {
        self.fallbacks > 0
    }

    /// These models may stand in for a model that failed, before others do.
    pub(in crate::gateway) fn stand_in(&mut self, failed: &ModelName, fallbacks: &[ModelName]) {
        self.considered.push(failed.clone());
        self.waiting.extend(fallbacks.iter().rev().cloned());
    }

    /// The next model that may stand in, unless `most` were tried. Each one comes once.
    pub(in crate::gateway) fn next_fallback(&mut self, most: usize) -> Option<ModelName> {
        if self.fallbacks >= most {
            return None;
        }
        while let Some(next) = self.waiting.pop() {
            if !self.considered.contains(&next) {
                self.considered.push(next.clone());
                return Some(next);
            }
        }
        None
    }

    /// Another model is tried.
    pub(in crate::gateway) fn fall_back(&mut self) {
        self.tried.clear();
        self.failures = 0;
        self.fallbacks += 1;
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

    /// Whether an attempt may still begin at this time.
    pub(in crate::gateway) fn is_in_time(&self, at: Instant) -> bool {
        self.end.is_none_or(|end| at < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> ModelName {
        ModelName::new(name).unwrap()
    }

    /// The models that are tried for `m`, whose fallbacks and theirs are in `lists`, if each one fails.
    fn tried(lists: &[(&str, &[&str])]) -> Vec<String> {
        let (mut attempts, mut model, mut tried) = (Attempts::default(), name("m"), Vec::new());
        loop {
            let to = lists.iter().find(|(of, _)| *of == model.as_str()).map_or(&[][..], |(_, to)| *to);
            let to: Vec<_> = to.iter().copied().map(name).collect();
            attempts.stand_in(&model, &to);
            let Some(next) = attempts.next_fallback(5) else { return tried };
            attempts.fall_back();
            tried.push(next.to_string());
            model = next;
        }
    }

    #[test]
    fn the_fallbacks_of_a_fallback_are_tried_before_the_next_one() {
        assert_eq!(tried(&[("m", &["a", "b"]), ("a", &["c", "m"])]), ["a", "c", "b"]);
    }

    #[test]
    fn each_model_is_tried_once() {
        assert_eq!(tried(&[("m", &["a", "m", "a", "b"]), ("a", &["m"]), ("b", &["a"])]), ["a", "b"]);
    }

    #[test]
    fn no_more_fallbacks_are_tried_than_allowed() {
        assert_eq!(tried(&[("m", &["a", "b", "c", "d", "e", "f"])]), ["a", "b", "c", "d", "e"]);
    }
}
