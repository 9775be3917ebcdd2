//! Decides one question.

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};

use super::evaluated::Evaluated;
use super::llm::Described;
use super::own::OwnQuestion;
use super::payload::{PayloadError, Question};
use super::subject::Subject;
use crate::authn::{Bearer, BearerError};
use crate::config::WithoutBody;
use crate::gateway::doors::ask::{Answered, Refused, ask};
use crate::gateway::doors::decide::Asked;
use crate::gateway::doors::verdict::Verdict;
use crate::gateway::http::error_response::{REQUEST_ID, Refusal};
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::pipeline::Gateway;

/// The path of a question, as the decision log shows it.
const PATH: &str = "/access/v1/evaluation";
const ADVICE: &str = "send it as `resource.properties.body` or `body_base64`";

/// Who decides, and the id that the enforcement point gave to its request.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) request_id: Option<&'a HeaderValue>,
}

/// Decides a question.
///
/// # Errors
///
/// The question is malformed. Everything else that goes wrong is a denial.
pub(super) async fn evaluate(asking: Asking<'_>, question: &Question) -> Result<Evaluated, PayloadError> {
    let subject = Subject::of(&question.subject)?;
    let Some(described) = Described::of(question)? else {
        let head = asking.head(Method::POST, Uri::from_static(PATH), credential(&subject));
        let own = OwnQuestion { gateway: asking.gateway, head: &head, subject: &subject, question };
        return Ok(own.decide().await);
    };
    let answered = asking.ask(described, &subject).await;
    Ok(match &answered.decided {
        Ok(Verdict { permit, .. }) => {
            let models: Vec<&str> = permit.call().models().map(|model| model.as_str()).collect();
            Evaluated::permitted(permit.decision(), &models, &answered.request_id)
        }
        Err(Refused { refusal, answer }) => {
            Evaluated::refused(refusal, answer.status(), &answered.request_id)
        }
    })
}

impl Asking<'_> {
    /// Runs a request through the steps of the gateway, up to the decision.
    pub(super) async fn ask(self, described: Described, subject: &Subject) -> Answered {
        let (headers, seen) = (described.headers_for(subject), described.seen());
        let Described { method, uri, body, stated_use, source, .. } = described;
        let head = self.head(method, uri, headers);
        let known = match subject {
            Subject::Unknown => Err(Refusal::UnknownSubject),
            Subject::Token(token) if self.prefers_another(&head.headers, token) => {
                Err(Refusal::Credential(BearerError::Ambiguous))
            }
            Subject::Token(_) | Subject::Claims(_) => Ok(()),
        };
        let mut incoming = IncomingRequest::whole(head, body.unwrap_or_default(), source);
        let asked = Asked {
            seen,
            without_body: WithoutBody::Deny,
            advice: ADVICE,
            // The enforcement point states the address itself.
            trusted: &[],
            claims: subject.claims(),
            stated_use,
        };
        ask(self.gateway, &mut incoming, &asked, known).await
    }

    /// Whether the gateway would decide for another credential in the headers: it prefers tokens and the master key to others.
    fn prefers_another(self, headers: &HeaderMap, token: &HeaderValue) -> bool {
        let generation = self.gateway.active();
        let master_key = generation.snapshot().config().master_key.as_ref();
        let token = token.as_bytes().strip_prefix(b"Bearer ");
        Bearer::presented(headers, master_key).is_ok_and(|preferred| Some(preferred) != token)
    }

    pub(super) fn head(self, method: Method, uri: Uri, headers: HeaderMap) -> Parts {
        let (mut head, ()) = Request::new(()).into_parts();
        (head.method, head.uri, head.headers) = (method, uri, headers);
        if let Some(id) = self.request_id {
            head.headers.insert(REQUEST_ID, id.clone());
        }
        head
    }
}

/// The header with the credential of a subject.
pub(super) fn credential(subject: &Subject) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Subject::Token(token) = subject {
        headers.insert(AUTHORIZATION, token.clone());
    }
    headers
}
