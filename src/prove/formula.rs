//! Formulas: conditions in Cedar's JSON format, and what they say together.
//!
//! A condition is written as terms of the solver once, however many formulas have it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use cedar_policy::{Policy, RequestEnv, Schema};
use cedar_policy_symcc::err::Error;
use cedar_policy_symcc::term::Term;
use cedar_policy_symcc::{CompiledPolicy, SymEnv, WellFormedAsserts, never_matches_asserts};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What stands for a text.
pub(super) type Digest = [u8; 32];

/// The SHA-256 of a text.
pub(super) fn digest(text: &str) -> Digest {
    Sha256::digest(text.as_bytes()).into()
}

/// The kind of requests that terms are about, with the schema as terms.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    environment: RequestEnv,
    schema: Arc<Schema>,
    terms: SymEnv,
}

impl Setting {
    pub(super) fn new(environment: &RequestEnv, schema: &Arc<Schema>) -> Result<Self, String> {
        let terms = SymEnv::new(schema, environment).map_err(|error| chain(&error))?;
        Ok(Self { environment: environment.clone(), schema: schema.clone(), terms })
    }

    /// The schema as terms.
    pub(super) fn terms(&self) -> &SymEnv {
        &self.terms
    }

    /// A policy as terms.
    pub(super) fn compiled(&self, policy: &Policy) -> Result<CompiledPolicy, String> {
        let (environment, terms) = (&self.environment, self.terms.clone());
        CompiledPolicy::compile_with_custom_symenv(policy, environment, &self.schema, terms).map_err(
            |error| match error {
                Error::PolicyNotWellTyped { errs } => {
                    errs.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
                }
                error => chain(&error),
            },
        )
    }
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
    /// A condition in Cedar's JSON format.
    pub(super) fn is(json: Value) -> Self {
        Self::Is(Arc::new(Condition::new(Written::Json(json))))
    }

    /// A condition in Cedar's own format, which is read when it is needed.
    pub(super) fn text(text: String) -> Self {
        Self::Is(Arc::new(Condition::new(Written::Text(text))))
    }

    /// Adds what stands for the formula.
    pub(super) fn identify(&self, hash: &mut Sha256) {
        let mut each = |sign: &str, formulas: &[Self]| {
            hash.update(sign);
            hash.update(formulas.len().to_le_bytes());
            formulas.iter().for_each(|formula| formula.identify(hash));
        };
        match self {
            Self::Is(condition) => {
                hash.update("=");
                hash.update(condition.digest);
            }
            Self::All(formulas) => each("&", formulas),
            Self::Any(formulas) => each("|", formulas),
            Self::Not(formula) => {
                hash.update("!");
                formula.identify(hash);
            }
        }
    }

    /// The formula in Cedar's JSON format.
    pub(super) fn json(&self) -> Value {
        let each = |formulas: &[Self]| formulas.iter().map(Self::json).collect::<Vec<_>>();
        match self {
            Self::Is(condition) => condition.json(),
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
    written: Written,
    digest: Digest,
    terms: OnceLock<Result<Terms, String>>,
}

/// How a condition is written.
enum Written {
    Json(Value),
    Text(String),
}

/// A condition as terms.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// The condition is true.
    pub(super) holds: Term,
    /// What is true of the entities that it names.
    pub(super) assumed: Vec<Term>,
}

impl Terms {
    /// The last assertion is the one in question, and the others are true.
    pub(super) fn of(asserts: &WellFormedAsserts<'_>) -> Result<Self, String> {
        let (holds, assumed) = asserts.asserts().split_last().ok_or("it has no terms")?;
        Ok(Self { holds: holds.clone(), assumed: assumed.to_vec() })
    }
}

impl Condition {
    fn new(written: Written) -> Self {
        let digest = match &written {
            Written::Json(json) => digest(&json.to_string()),
            Written::Text(text) => digest(text),
        };
        Self { written, digest, terms: OnceLock::new() }
    }

    /// What stands for the condition.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// The condition in Cedar's JSON format. What cannot be read is no condition.
    fn json(&self) -> Value {
        match &self.written {
            Written::Json(json) => json.clone(),
            Written::Text(text) => {
                let json =
                    parsed(text).and_then(|policy| policy.to_json().map_err(|error| error.to_string()));
                json.ok().and_then(|json| json.pointer("/conditions/0/body").cloned()).unwrap_or_default()
            }
        }
    }

    /// The terms. All formulas with a condition have the same setting.
    pub(super) fn terms(&self, setting: &Setting) -> &Result<Terms, String> {
        self.terms.get_or_init(|| {
            let policy = match &self.written {
                Written::Json(json) => policy(json),
                Written::Text(text) => parsed(text),
            };
            Terms::of(&never_matches_asserts(&setting.compiled(&policy?)?))
        })
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x?}", self.digest)
    }
}

/// Reads a policy with this condition alone.
pub(super) fn parsed(condition: &str) -> Result<Policy, String> {
    let text = format!("permit (principal, action, resource) when {{ {condition} }};");
    Policy::parse(None, text).map_err(|error| format!("`{condition}`: {error}"))
}

/// A policy with this condition alone.
pub(super) fn policy(condition: &Value) -> Result<Policy, String> {
    let json = json!({"effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"},
        "resource": {"op": "All"}, "conditions": [{"kind": "when", "body": condition}]});
    Policy::from_json(None, json).map_err(|error| error.to_string())
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
