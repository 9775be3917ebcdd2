//! Decides questions about resources of types that operators declare. They are admitted, counted and logged like requests.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use super::evaluated::Evaluated;
use super::payload::Question;
use super::subject::Subject;
use crate::engine::{AccessQuery, Decision, Snapshot};
use crate::gateway::http::error_response::Refusal;
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::judged::Judged;
use crate::gateway::pipeline::{Gateway, request_id};
use crate::gateway::telemetry::Observation;
use crate::identity::Caller;
use crate::routes::surface::ErrorShape;

/// A question about a resource of a type that operators declare.
#[derive(Clone, Copy)]
pub(super) struct OwnQuestion<'q> {
    pub(super) gateway: &'q Gateway,
    /// The request as telemetry sees it, with the credential if the subject is a token.
    pub(super) head: &'q Parts,
    pub(super) subject: &'q Subject,
    pub(super) question: &'q Question,
}

/// What a search finds for a caller at a time.
pub(super) type Find = fn(&Snapshot, &Caller, AccessQuery<'_>) -> Vec<String>;

impl OwnQuestion<'_> {
    /// Decides.
    pub(super) async fn decide(self) -> Evaluated {
        let request_id = request_id(self.head);
        let mut observation = Observation::begin(self.gateway.observers(), self.head, &request_id);
        let decided = self.decided(&mut observation).await;
        match decided {
            Ok(decision) => {
                observation.answered(StatusCode::OK, None);
                Evaluated::permitted(&decision, &[], &request_id)
            }
            Err(refusal) => {
                let status = self.refused(&refusal, &request_id, &mut observation);
                Evaluated::refused(&refusal, status, &request_id)
            }
        }
    }

    /// Searches. A caller that is refused finds nothing.
    pub(super) async fn search(self, find: Find) -> Vec<String> {
        let request_id = request_id(self.head);
        let mut observation = Observation::begin(self.gateway.observers(), self.head, &request_id);
        match self.identified(&mut observation).await {
            Ok((judged, caller, time)) => {
                let found = find(judged.generation.snapshot(), &caller, self.query(Some(time)));
                observation.answered(StatusCode::OK, None);
                found
            }
            Err(refusal) => {
                self.refused(&refusal, &request_id, &mut observation);
                Vec::new()
            }
        }
    }

    async fn decided(self, observation: &mut Observation) -> Result<Decision, Refusal> {
        let (judged, caller, time) = self.identified(observation).await?;
        let query = self.query(Some(time));
        let snapshot = judged.generation.snapshot();
        let shadow = judged.generation.shadow.as_ref();
        let shadow = shadow.map(|rules| rules.decide_access(&rules.identify_again(&caller), &query));
        let decided = snapshot.decide_access(&caller, &query);
        observation.decided(snapshot, decided.as_ref().map_err(|denied| &**denied));
        if let Some(shadow) = shadow {
            observation.compared(&shadow);
        }
        Ok(decided?)
    }

    async fn identified(
        self,
        observation: &mut Observation,
    ) -> Result<(Judged, Arc<Caller>, SystemTime), Refusal> {
        observation.record_access(&self.query(None));
        let generation = self.gateway.admit(self.head, observation)?;
        if matches!(self.subject, Subject::Unknown) {
            return Err(Refusal::UnknownSubject);
        }
        let claims = self.subject.claims();
        let (judged, caller) = self.gateway.identify(generation, self.head, claims, observation).await?;
        let time = observation.received_at();
        // Verifying the token may have taken long.
        if !self.gateway.is_current(&judged, time) {
            return Err(Refusal::Overtaken);
        }
        Ok((judged, caller, time))
    }

    /// Informs the observers, and returns the status that the gateway would answer with.
    fn refused(
        self,
        refusal: &Refusal,
        request_id: &HeaderValue,
        observation: &mut Observation,
    ) -> StatusCode {
        let incoming = IncomingRequest::whole(self.head.clone(), Bytes::new(), None);
        self.gateway.refused(refusal, &incoming, ErrorShape::OpenAi, request_id, observation).status()
    }

    fn query(&self, time: Option<SystemTime>) -> AccessQuery<'_> {
        let Question { action, resource, context, .. } = self.question;
        AccessQuery {
            action: &action.name,
            action_properties: &action.properties,
            resource_type: &resource.kind,
            resource_id: &resource.id,
            resource_properties: &resource.properties,
            context,
            time,
        }
    }
}

/// The resources of the type that the caller may access, among those that entity files describe.
pub(super) fn resources(snapshot: &Snapshot, caller: &Caller, query: AccessQuery<'_>) -> Vec<String> {
    let ids = snapshot.described_resources(query.resource_type).into_iter();
    let may = |id: &&str| snapshot.decide_access(caller, &AccessQuery { resource_id: id, ..query }).is_ok();
    ids.filter(may).map(str::to_owned).collect()
}

/// The names of the actions that the caller may take on the resource.
pub(super) fn actions(snapshot: &Snapshot, caller: &Caller, query: AccessQuery<'_>) -> Vec<String> {
    let names = snapshot.actions_on(query.resource_type).into_iter();
    let may = |name: &&str| snapshot.decide_access(caller, &AccessQuery { action: name, ..query }).is_ok();
    names.filter(may).map(str::to_owned).collect()
}
