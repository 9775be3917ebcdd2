//! What was proven, and what was not.

use crate::rules::Rule;

use super::scenario::Scenario;

/// What a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The evaluation of a policy never fails.
    NeverFails,
    /// An invariant holds.
    Invariant,
    /// A rule changes at least one answer.
    Useful,
    /// The policies grant what the configuration says.
    Translation,
}

impl Kind {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverFails => "never_fails",
            Self::Invariant => "invariant",
            Self::Useful => "useful",
            Self::Translation => "translation",
        }
    }
}

/// A request that shows the opposite of a claim, confirmed by the engine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Counterexample {
    /// The token and the request.
    pub scenario: Scenario,
    /// Whether the request is allowed.
    pub is_allowed: bool,
    /// The rule that denies it.
    pub rule: Option<Rule>,
    /// The policies that decide, each with its place.
    pub policies: Vec<(String, Option<String>)>,
}

/// The answer to a claim.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// It is true for every request.
    Proven,
    /// It is false.
    Violated {
        /// The reason, where no request shows it.
        reason: Option<String>,
        /// A request that shows it.
        counterexample: Option<Box<Counterexample>>,
    },
    /// The solver did not find out.
    Undecided(String),
}

/// A claim with its answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim {
    /// What it is about.
    pub kind: Kind,
    /// The id of the policy, or the text of the invariant.
    pub name: String,
    /// The place of the policy.
    pub place: Option<String>,
    /// The answer.
    pub verdict: Verdict,
    /// The rules because of which a dead rule changes no answer, each with its place. None of them can be left out.
    pub because: Vec<(String, Option<String>)>,
}

/// All claims about some rules.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The claims.
    pub claims: Vec<Claim>,
    /// The solver and its version.
    pub solver: String,
}

impl Report {
    /// The claims that are false.
    pub fn violated(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(|claim| matches!(claim.verdict, Verdict::Violated { .. }))
    }

    /// The claims without an answer.
    pub fn undecided(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(|claim| matches!(claim.verdict, Verdict::Undecided(_)))
    }

    /// Whether every claim is proven.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.claims.iter().all(|claim| matches!(claim.verdict, Verdict::Proven))
    }
}

/// How newer rules compare with older ones, over all requests with one model and all without.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Comparison {
    /// That they allow no request that the older ones deny.
    pub gained: Verdict,
    /// That they deny no request that the older ones allow.
    pub lost: Verdict,
    /// The solver and its version.
    pub solver: String,
}

/// The newer rules, seen from the older ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Relation {
    /// They allow the same requests.
    Equivalent,
    /// They allow fewer.
    Narrower,
    /// They allow more.
    Wider,
    /// Each allows something that the other does not.
    Neither,
    /// The solver did not find out.
    Undecided,
}

impl Comparison {
    /// What follows from both directions.
    #[must_use]
    pub fn relation(&self) -> Relation {
        match (&self.gained, &self.lost) {
            (Verdict::Undecided(_), _) | (_, Verdict::Undecided(_)) => Relation::Undecided,
            (Verdict::Proven, Verdict::Proven) => Relation::Equivalent,
            (Verdict::Proven, Verdict::Violated { .. }) => Relation::Narrower,
            (Verdict::Violated { .. }, Verdict::Proven) => Relation::Wider,
            (Verdict::Violated { .. }, Verdict::Violated { .. }) => Relation::Neither,
        }
    }
}

impl Relation {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::Narrower => "narrower",
            Self::Wider => "wider",
            Self::Neither => "neither",
            Self::Undecided => "undecided",
        }
    }
}
