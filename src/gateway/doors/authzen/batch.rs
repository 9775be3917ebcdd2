//! Decides several questions of one request.

use serde_json::{Map, Value, json};

use super::evaluate::{Asking, evaluate};
use super::evaluated::Evaluated;
use super::payload::{Members, PayloadError, Question, object};

/// The maximum number of questions of a request.
const MOST: usize = 1_000;

/// When a batch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    fn read(body: &Map<String, Value>) -> Result<Self, PayloadError> {
        const AT: &str = "options.evaluations_semantic";
        let present = |value: &&Value| !value.is_null();
        let Some(options) = body.get("options").filter(present) else { return Ok(Self::ExecuteAll) };
        match object(options, "options")?.get("evaluations_semantic").filter(present).map(Value::as_str) {
            None | Some(Some("execute_all")) => Ok(Self::ExecuteAll),
            Some(Some("deny_on_first_deny")) => Ok(Self::DenyOnFirstDeny),
            Some(Some("permit_on_first_permit")) => Ok(Self::PermitOnFirstPermit),
            Some(_) => Err(PayloadError::Type {
                at: AT.to_owned(),
                expected: "`execute_all`, `deny_on_first_deny` or `permit_on_first_permit`",
            }),
        }
    }

    fn ends_with(self, evaluated: &Evaluated) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !evaluated.is_permitted,
            Self::PermitOnFirstPermit => evaluated.is_permitted,
        }
    }
}

/// Decides the questions in their order. Without any, the body is a question itself.
pub(super) async fn evaluations(
    asking: Asking<'_>,
    body: &Map<String, Value>,
) -> Result<Value, PayloadError> {
    let wrong = |at: String, expected| PayloadError::Type { at, expected };
    let items = match body.get("evaluations").filter(|items| !items.is_null()) {
        None => &[],
        Some(items) => {
            items.as_array().map(Vec::as_slice).ok_or_else(|| wrong("evaluations".into(), "a list"))?
        }
    };
    if items.is_empty() {
        return Ok(evaluate(asking, &Question::read(Members::of(body))?).await?.to_json());
    }
    if items.len() > MOST {
        return Err(PayloadError::TooMany { at: "evaluations", most: MOST });
    }
    let semantic = Semantic::read(body)?;
    Members::of(body).check_present()?;
    let mut evaluations = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        // Decisions do not wait, so a long batch would keep this thread from other connections.
        tokio::task::yield_now().await;
        let evaluated = match item.as_object() {
            None => Err(wrong(format!("evaluations[{i}]"), "an object")),
            Some(own) => match Question::read(Members { own, defaults: Some(body) }) {
                Ok(question) => evaluate(asking, &question).await,
                Err(error) => Err(error),
            },
        };
        let evaluated = evaluated.unwrap_or_else(|error| Evaluated::malformed(&error));
        evaluations.push(evaluated.to_json());
        if semantic.ends_with(&evaluated) {
            break;
        }
    }
    Ok(json!({ "evaluations": evaluations }))
}
