//! What a request should show, and what is in the way of it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use cedar_policy::Effect;

use super::guide::{Guide, Name, Names, Rule};
use super::search::{Judged, Patience, Wish, search};
use crate::engine::MatchedPolicies;
use crate::prove::encode::Question;
use crate::prove::scenario::Scenario;

/// The number of requests that the engine decides for each rule, and for a comparison.
pub(in crate::prove) const FOR_RULE: usize = 120;
const FOR_COMPARISON: usize = 400;
/// The number of names and of requests that a search begins with.
const MOST_NAMES: usize = 12;
const MOST_SEEDS: usize = 24;

/// What a search for a request that a rule decides alone saw of the rule.
#[derive(Clone, Debug, Default)]
pub(in crate::prove) struct Seen {
    /// The rule matches a request.
    pub(in crate::prove) is_matched: bool,
    /// The rule matches a request whose answer it would decide without the rules beside it.
    pub(in crate::prove) could_decide: bool,
    /// The rules that decided beside it.
    pub(in crate::prove) beside: BTreeSet<Arc<str>>,
    /// The rules that denied the other question of the request.
    pub(in crate::prove) elsewhere: BTreeSet<Arc<str>>,
}

impl<'s> Guide<'s> {
    /// A request that a policy decides alone: without it, the answer would be another. `asked` are the questions of the
    /// request, and whether it has a model. The search ends at a time.
    pub(in crate::prove) fn alone(
        &self,
        id: &str,
        asked: &[(Question, bool)],
        ends: Option<Instant>,
    ) -> Option<Scenario> {
        self.about(id, asked, Patience { attempts: FOR_RULE, ends }, Self::is_alone)
    }

    /// The same among at most `attempts` requests for each question, or what was seen of the rule instead.
    pub(in crate::prove) fn alone_or_seen(
        &self,
        id: &str,
        asked: &[(Question, bool)],
        attempts: usize,
        ends: Option<Instant>,
    ) -> Result<Scenario, Seen> {
        let seen = RefCell::new(Seen::default());
        let found = self.about(id, asked, Patience { attempts, ends }, |guide, scenario, rule, question| {
            let Some(matched) = scenario.matched(guide.snapshot) else { return Judged::Lacks(9, Vec::new()) };
            seen.borrow_mut().add(&matched, rule, question);
            guide.is_alone_by(&matched, rule, question)
        });
        found.ok_or_else(|| seen.into_inner())
    }

    /// A request that a policy matches, and that the others deny. The policy is a marker: a `forbid` that is not in force.
    pub(in crate::prove) fn denied(
        &self,
        id: &str,
        asked: &[(Question, bool)],
        ends: Option<Instant>,
    ) -> Option<Scenario> {
        self.about(id, asked, Patience { attempts: FOR_RULE, ends }, Self::is_denied)
    }

    /// A request that shows something about a rule. The search begins with requests that the rule matches.
    fn about<'g>(
        &'g self,
        id: &str,
        asked: &[(Question, bool)],
        patience: Patience,
        judge: impl Fn(&'g Self, &Scenario, &'g Rule, Question) -> Judged<'g>,
    ) -> Option<Scenario> {
        let rule = self.rule(id)?;
        let asked = asked.iter().filter(|(question, _)| rule.is_about(*question));
        asked.copied().find_map(|(question, has_model)| {
            let seeds = self.variants(&self.plain(has_model), question, &rule.condition, true);
            search(seeds, patience, |scenario| judge(self, scenario, rule, question))
        })
    }

    /// A request that these rules allow and others deny. The search ends at a time.
    pub(in crate::prove) fn allowed_beside(
        &self,
        other: &Guide<'_>,
        ends: Option<Instant>,
    ) -> Option<Scenario> {
        let texts =
            |guide: &Guide<'_>| guide.rules.iter().map(|rule| rule.text.clone()).collect::<HashSet<_>>();
        let (known, others_known) = (texts(self), texts(other));
        let own = self
            .rules
            .iter()
            .filter(|rule| rule.effect == Effect::Permit && !others_known.contains(&rule.text));
        let others =
            other.rules.iter().filter(|rule| rule.effect == Effect::Forbid && !known.contains(&rule.text));
        let removed: Vec<&Rule> = others.collect();
        let changed = own.map(|rule| (self, rule)).chain(removed.iter().map(|rule| (other, *rule)));
        let mut seeds = Vec::new();
        for (guide, rule) in changed {
            for (question, has_model) in
                [(Question::Model, true), (Question::Route, true), (Question::Route, false)]
            {
                if rule.is_about(question) {
                    seeds.extend(guide.variants(&self.plain(has_model), question, &rule.condition, true));
                }
            }
        }
        seeds.truncate(MOST_SEEDS);
        for name in unlike(&self.models, &other.models) {
            seeds.push(Scenario { model: Some(name), ..self.plain(true) });
        }
        for path in unlike(&self.routes, &other.routes) {
            seeds.extend(
                [true, false].map(|has_model| Scenario { path: path.clone(), ..self.plain(has_model) }),
            );
        }
        if seeds.is_empty() {
            seeds.extend([self.plain(true), self.plain(false)]);
        }
        search(seeds, Patience { attempts: FOR_COMPARISON, ends }, |scenario| {
            let Some(matched) = scenario.matched(self.snapshot) else { return Judged::Lacks(9, Vec::new()) };
            let (lacks, wishes) = self.in_the_way(&matched, None);
            if lacks > 0 {
                return Judged::Lacks(lacks + 1, wishes);
            }
            let Some(matched) = scenario.matched(other.snapshot) else { return Judged::Shown };
            if other.in_the_way(&matched, None).0 > 0 {
                return Judged::Shown;
            }
            let mut wishes = Vec::new();
            for (question, matched) in Question::ALL.into_iter().zip(&matched) {
                wishes.extend(removed.iter().map(|rule| other.wish(rule, question, true)));
                let granting = matched.permits.iter().filter_map(|id| other.rule(id));
                wishes.extend(granting.map(|rule| other.wish(rule, question, false)));
            }
            Judged::Lacks(1, vec![wishes])
        })
    }

    fn wish<'g>(&'g self, rule: &'g Rule, question: Question, wanted: bool) -> Wish<'g> {
        Wish { guide: self, question, condition: &rule.condition, wanted }
    }

    fn is_alone<'g>(&'g self, scenario: &Scenario, rule: &'g Rule, question: Question) -> Judged<'g> {
        let matched = scenario.matched(self.snapshot);
        matched.map_or(Judged::Lacks(9, Vec::new()), |matched| self.is_alone_by(&matched, rule, question))
    }

    fn is_alone_by<'g>(
        &'g self,
        matched: &[MatchedPolicies],
        rule: &'g Rule,
        question: Question,
    ) -> Judged<'g> {
        let (mut lacks, mut wishes) = self.in_the_way(matched, Some((rule, question)));
        if !is_matched(matched, rule, question) {
            // Everything else may be in the way because of what makes the rule match.
            wishes = vec![vec![self.wish(rule, question, true)]];
            lacks += 2;
        }
        if lacks == 0 { Judged::Shown } else { Judged::Lacks(lacks, wishes) }
    }

    fn is_denied<'g>(&'g self, scenario: &Scenario, rule: &'g Rule, question: Question) -> Judged<'g> {
        let Some(matched) = scenario.matched(self.snapshot) else { return Judged::Lacks(9, Vec::new()) };
        if !is_matched(&matched, rule, question) {
            return Judged::Lacks(3, vec![vec![self.wish(rule, question, true)]]);
        }
        let Some(own) = matched.get(index(question)) else { return Judged::Lacks(9, Vec::new()) };
        if own.permits.is_empty() || own.forbids.iter().any(|id| **id != *rule.id) {
            // The rule is about the model: then the route is allowed.
            let route = matched.get(..index(question)).unwrap_or_default();
            let (lacks, wishes) = self.in_the_way(route, Some((rule, question)));
            return if lacks == 0 { Judged::Shown } else { Judged::Lacks(lacks, wishes) };
        }
        let granting = own.permits.iter().filter_map(|id| self.rule(id));
        let denying = self.rules.iter().filter(|other| {
            other.effect == Effect::Forbid && other.id != rule.id && other.is_about(question)
        });
        let wishes = granting.map(|rule| self.wish(rule, question, false));
        let wishes = wishes.chain(denying.map(|rule| self.wish(rule, question, true)));
        Judged::Lacks(1, vec![wishes.collect()])
    }

    /// The number of things because of which these answers do not allow the request, and the wishes of each of them. One
    /// rule may decide its question alone: then no other may decide it.
    fn in_the_way<'g>(
        &'g self,
        matched: &[MatchedPolicies],
        alone: Option<(&'g Rule, Question)>,
    ) -> (usize, Vec<Vec<Wish<'g>>>) {
        let mut found: Vec<Vec<Wish<'g>>> = Vec::new();
        for (question, matched) in Question::ALL.into_iter().zip(matched) {
            let is_own = |id: &str| alone.is_some_and(|(rule, of)| of == question && rule.id == id);
            let of_forbid = |id: &str| {
                is_own(id) || alone.is_some_and(|(rule, _)| rule.effect == Effect::Forbid && rule.id == id)
            };
            let denying = matched.forbids.iter().filter(|id| !of_forbid(id)).filter_map(|id| self.rule(id));
            found.extend(denying.map(|rule| vec![self.wish(rule, question, false)]));
            let is_granted_alone =
                alone.is_some_and(|(rule, of)| of == question && rule.effect == Effect::Permit);
            if is_granted_alone {
                let others = matched.permits.iter().filter(|id| !is_own(id)).filter_map(|id| self.rule(id));
                found.extend(others.map(|rule| vec![self.wish(rule, question, false)]));
            } else if matched.permits.is_empty() {
                let grants = self.rules.iter().filter(|rule| rule.effect == Effect::Permit);
                let grants = grants.filter(|rule| rule.is_about(question));
                found.push(grants.map(|rule| self.wish(rule, question, true)).collect());
            }
        }
        (found.len(), found)
    }
}

impl Seen {
    /// Adds a request, by the policies that match it.
    fn add(&mut self, matched: &[MatchedPolicies], rule: &Rule, question: Question) {
        let Some(own) = matched.get(index(question)).filter(|_| is_matched(matched, rule, question)) else {
            return;
        };
        let others = || matched.iter().enumerate().filter(|(at, _)| *at != index(question));
        let is_forbid = rule.effect == Effect::Forbid;
        let permits = own.permits.iter().filter(|_| !is_forbid);
        self.is_matched = true;
        self.could_decide |=
            (!is_forbid || !own.permits.is_empty()) && others().all(|(_, other)| other.allow());
        self.beside.extend(permits.chain(&own.forbids).filter(|id| ***id != *rule.id).cloned());
        let denying = others().flat_map(|(_, other)| &other.forbids);
        self.elsewhere.extend(denying.filter(|id| ***id != *rule.id).cloned());
    }
}

fn is_matched(matched: &[MatchedPolicies], rule: &Rule, question: Question) -> bool {
    let own = matched.get(index(question));
    own.is_some_and(|own| own.permits.iter().chain(&own.forbids).any(|id| **id == *rule.id))
}

fn index(question: Question) -> usize {
    usize::from(question == Question::Model)
}

/// The names that are in other lists on the other side.
fn unlike(own: &Names, others: &Names) -> Vec<String> {
    let is_unlike = |name: &&Name| others.find(&name.text).is_none_or(|other| other.lists() != name.lists());
    let found: BTreeSet<&str> = own.all.iter().filter(is_unlike).map(|name| name.text.as_str()).collect();
    found.into_iter().take(MOST_NAMES).map(str::to_owned).collect()
}
