//! The answer to a request.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use modelgate::engine;
use modelgate::gateway::{Authorized, Rejected};
use modelgate::names::ModelName;
use modelgate::rules::Rule;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use serde_json::json;

/// A decision. True if the request is allowed.
#[pyclass(frozen, module = "modelgate_policy")]
pub(crate) struct Decision {
    /// Whether the request is allowed.
    #[pyo3(get)]
    allow: bool,
    /// The status of the response. 200 stands for any status of the upstream.
    #[pyo3(get)]
    status: u16,
    /// The rule that denies, such as `R2.model`.
    #[pyo3(get)]
    rule: Option<&'static str>,
    /// The code of the error, such as `model_not_allowed`.
    #[pyo3(get)]
    code: Option<&'static str>,
    /// The message for the caller.
    #[pyo3(get)]
    reason: Option<String>,
    request_id: HeaderValue,
    grounds: Option<engine::Decision>,
    models: Vec<ModelName>,
    answer: Option<Response<Bytes>>,
}

impl Decision {
    pub(crate) fn new(outcome: Result<Authorized, Box<Rejected>>) -> Self {
        match outcome {
            Ok(Authorized { permit, listing, request_id }) => Self {
                allow: true,
                status: listing.as_ref().map_or(200, |answer| answer.status().as_u16()),
                rule: None,
                code: None,
                reason: None,
                request_id,
                models: permit.call().models().cloned().collect(),
                grounds: Some(permit.decision().clone()),
                answer: listing,
            },
            Err(rejected) => {
                let Rejected { code, message, rule, decision, response, request_id } = *rejected;
                Self {
                    allow: false,
                    status: response.status().as_u16(),
                    rule,
                    code: Some(code),
                    reason: Some(message),
                    request_id,
                    grounds: decision,
                    models: Vec::new(),
                    answer: Some(response),
                }
            }
        }
    }

    /// The denial of what is no HTTP request.
    pub(crate) fn malformed(reason: &str) -> Self {
        Self::denied(
            400,
            "invalid_request_error",
            "invalid_request",
            format!("the request is malformed: {reason}"),
        )
    }

    /// The denial while there are no rules. The log has the reason, which quotes the configuration.
    pub(crate) fn unavailable() -> Self {
        Self::denied(503, "api_error", "rules_unavailable", "no rules are active".to_owned())
    }

    fn denied(status: u16, kind: &'static str, code: &'static str, reason: String) -> Self {
        let error = json!({"message": reason, "type": kind, "param": null, "code": code});
        let mut answer = Response::new(Bytes::from(json!({"error": error}).to_string()));
        answer.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
        Self {
            allow: false,
            status,
            rule: None,
            code: Some(code),
            reason: Some(reason),
            request_id: HeaderValue::from_static(""),
            grounds: None,
            models: Vec::new(),
            answer: Some(answer),
        }
    }

    /// The body of a list of models.
    pub(crate) fn listing(&self) -> Option<&Bytes> {
        self.answer.as_ref().filter(|_| self.allow).map(Response::body)
    }
}

#[pymethods]
impl Decision {
    /// The caller's role: `proxy_admin`, `team` or `internal_user`.
    #[getter]
    fn role(&self) -> Option<&str> {
        self.grounds.as_ref()?.role.map(|role| role.as_str())
    }

    /// The caller's user id.
    #[getter]
    fn user_id(&self) -> Option<&str> {
        self.grounds.as_ref()?.user_id.as_deref()
    }

    /// The team that the request is counted for.
    #[getter]
    fn team_id(&self) -> Option<&str> {
        self.grounds.as_ref()?.team_id.as_deref()
    }

    /// The models that an allowed request names.
    #[getter]
    fn models<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.models.iter().map(ModelName::as_str))
    }

    /// The ids of the policies that decided.
    #[getter]
    fn policies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, ids(self.grounds.as_ref().map(|grounds| &grounds.policies)))
    }

    /// The ids of the shadow policies that would have changed the decision.
    #[getter]
    fn shadow<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, ids(self.grounds.as_ref().map(|grounds| &grounds.shadow)))
    }

    /// The rule that denies but is not enforced, under `modelgate.mode: log_only`.
    #[getter]
    fn unenforced(&self) -> Option<&str> {
        self.grounds.as_ref()?.unenforced.map(Rule::as_str)
    }

    /// The generation of the rules; `None` for a request that could not be judged.
    #[getter]
    fn generation(&self) -> Option<u64> {
        self.grounds.as_ref().map(|grounds| grounds.generation)
    }

    /// The id of the request in the decision log and in the response.
    #[getter]
    fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// The headers of the response to a denied request, or to a list of models.
    #[getter]
    fn response_headers(&self) -> Vec<(&str, &str)> {
        static NONE: std::sync::LazyLock<HeaderMap> = std::sync::LazyLock::new(HeaderMap::new);
        let headers = self.answer.as_ref().map_or(&*NONE, Response::headers);
        headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
    }

    /// The body of the response to a denied request, or to a list of models. `None`: the upstream answers.
    #[getter]
    fn response_body<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.answer.as_ref().map(|answer| PyBytes::new(py, answer.body()))
    }

    fn __bool__(&self) -> bool {
        self.allow
    }

    fn __repr__(&self) -> String {
        match (&self.code, &self.reason) {
            (Some(code), Some(reason)) => format!("<Decision: denied, {} {code}: {reason}>", self.status),
            _ => "<Decision: allowed>".to_owned(),
        }
    }
}

fn ids(policies: Option<&Arc<[Arc<str>]>>) -> Vec<&str> {
    policies.map(|policies| policies.iter().map(|id| &**id).collect()).unwrap_or_default()
}
