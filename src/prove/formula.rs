//! Formulas: conditions in Cedar's JSON format, and what they say together.
//!
//! A condition is written as terms of the solver once, however many formulas have it.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock, OnceLock};

use cedar_policy::{Policy, RequestEnv, Schema};
use cedar_policy_symcc::err::Error;
use cedar_policy_symcc::term::Term;
use cedar_policy_symcc::{CompiledPolicy, SymEnv, never_matches_asserts};
use serde_json::{Value, json};

static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);

/// Two hashes of a text under secret keys, which stand for it while the process runs.
pub(super) fn digest(text: &str) -> [u64; 2] {
    let [one, two] = &*KEYS;
    [one.hash_one(text), two.hash_one(text)]
}

/// A condition of conditions. Each is written for the solver only once, however many formulas have it.
#[derive(Clone, Debug)]
pub(super) enum Formula {
    Is(Arc<Condition>),
    All(Vec<Formula>),
    Any(Vec<Formula>),
    Not(Box<Formula>),
}

impl Formula {
    /// A condition.
    pub(super) fn is(json: Value) -> Self {
        Self::Is(Arc::new(Condition::new(json)))
    }

    /// The formula in Cedar's JSON format.
    pub(super) fn json(&self) -> Value {
        let each = |formulas: &[Self]| formulas.iter().map(Self::json).collect::<Vec<_>>();
        match self {
            Self::Is(condition) => condition.json.clone(),
            Self::All(formulas) => joined("&&", &each(formulas), true),
            Self::Any(formulas) => joined("||", &each(formulas), false),
            Self::Not(formula) => json!({ "!": {"arg": formula.json()} }),
        }
    }
}

/// True if all of the formulas are.
pub(super) fn all(formulas: &[Formula]) -> Formula {
    Formula::All(formulas.to_vec())
}

/// True if one of the formulas is.
pub(super) fn any(formulas: &[Formula]) -> Formula {
    Formula::Any(formulas.to_vec())
}

/// True if the formula is not.
pub(super) fn not(formula: Formula) -> Formula {
    Formula::Not(Box::new(formula))
}

/// A condition of a formula, written as terms at most once.
pub(super) struct Condition {
    json: Value,
    digest: [u64; 2],
    terms: OnceLock<Result<Terms, String>>,
}

/// A condition as terms.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// The condition is true.
    pub(super) holds: Term,
    /// What is true of the entities that it names.
    pub(super) assumed: Vec<Term>,
    pub(super) environment: SymEnv,
}

impl Condition {
    pub(super) fn new(json: Value) -> Self {
        Self { digest: digest(&json.to_string()), json, terms: OnceLock::new() }
    }

    /// What stands for the condition while the process runs.
    pub(super) fn digest(&self) -> [u64; 2] {
        self.digest
    }

    /// The terms. All formulas with a condition have the same schema.
    pub(super) fn terms(&self, environment: &RequestEnv, schema: &Schema) -> &Result<Terms, String> {
        self.terms.get_or_init(|| {
            let policy = policy(&self.json)?;
            let compiled = compiled(&policy, environment, schema)?;
            let asserts = never_matches_asserts(&compiled);
            let (holds, assumed) = asserts.asserts().split_last().ok_or("it has no terms")?;
            Ok(Terms {
                holds: holds.clone(),
                assumed: assumed.to_vec(),
                environment: asserts.symenv().clone(),
            })
        })
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.digest)
    }
}

/// A policy with this condition alone.
pub(super) fn policy(condition: &Value) -> Result<Policy, String> {
    let json = json!({"effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"},
        "resource": {"op": "All"}, "conditions": [{"kind": "when", "body": condition}]});
    Policy::from_json(None, json).map_err(|error| error.to_string())
}

/// A policy as a formula.
pub(super) fn compiled(
    policy: &Policy,
    environment: &RequestEnv,
    schema: &Schema,
) -> Result<CompiledPolicy, String> {
    CompiledPolicy::compile(policy, environment, schema).map_err(|error| match error {
        Error::PolicyNotWellTyped { errs } => {
            errs.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
        error => chain(&error),
    })
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Conditions as a balanced tree, because a long chain is as deep as it is long.
pub(super) fn joined(operator: &str, conditions: &[Value], none: bool) -> Value {
    match conditions {
        [] => json!({ "Value": none }),
        [one] => one.clone(),
        more => {
            let (left, right) = more.split_at(more.len() / 2);
            json!({ operator: {"left": joined(operator, left, none), "right": joined(operator, right, none)} })
        }
    }
}
