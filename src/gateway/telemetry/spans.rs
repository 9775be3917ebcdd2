//! The spans of a request: the server span, and the client span for the upstream. Names follow OpenTelemetry's semantic
//! conventions.

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::Span;

use super::traces::{Traces, context};
use crate::config::{Config, Provider};
use crate::decision_log::{Verdict, shown};
use crate::engine::{Decision, Rule};
use crate::gateway::http::error_response::Refusal;
use crate::gateway::target::{Called, operation};
use crate::request::ApiCall;
use crate::routes;

/// The methods that may occur in span names. Others become `_OTHER`.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
    Method::HEAD,
    Method::OPTIONS,
    Method::CONNECT,
    Method::TRACE,
];

/// The spans of one request. They end when they are dropped, in the order of the fields, so no child outlives its
/// parent.
pub(super) struct Spans {
    upstream: Option<Span>,
    server: Span,
}

impl Spans {
    pub(super) fn begin(traces: &Traces, head: &Parts) -> Self {
        let method = method(&head.method);
        let attributes = [
            KeyValue::new("http.request.method", method.to_owned()),
            KeyValue::new("url.path", shown(head.uri.path())),
        ];
        let builder = traces.tracer().span_builder(method.to_owned());
        let builder = builder.with_kind(SpanKind::Server).with_attributes(attributes);
        let parent = traces.context_of(&head.headers);
        Self { server: traces.tracer().build_with_context(builder, &parent), upstream: None }
    }

    pub(super) fn record_snapshot(&mut self, config: &Config) {
        let scheme = if config.gateway.tls.is_some() { "https" } else { "http" };
        self.server.set_attribute(KeyValue::new("url.scheme", scheme));
    }

    pub(super) fn read(&mut self, call: &ApiCall) {
        let path = call.route().as_str();
        if let Some(route) = routes::template_of(path) {
            self.server.update_name(format!("{} {route}", method(call.method())));
            self.server.set_attribute(KeyValue::new("http.route", route));
        }
        if let Some(model) = call.model() {
            self.server.set_attribute(KeyValue::new("gen_ai.request.model", shown(model.as_str())));
        }
        if let Some(operation) = gen_ai_operation(path) {
            self.server.set_attribute(KeyValue::new("gen_ai.operation.name", operation));
        }
    }

    pub(super) fn decided(&mut self, decision: &Decision, rule: Option<Rule>) {
        let generation = i64::try_from(decision.generation).unwrap_or(i64::MAX);
        self.server.set_attribute(KeyValue::new("modelgate.generation", generation));
        self.server.set_attribute(KeyValue::new("modelgate.policies", strings(&decision.policies)));
        if !decision.shadow.is_empty() {
            self.server.set_attribute(KeyValue::new("modelgate.shadow", strings(&decision.shadow)));
        }
        if let Some(rule) = rule {
            self.server.set_attribute(KeyValue::new("modelgate.rule", rule.as_str()));
        }
        if let Some(rule) = decision.unenforced {
            self.server.set_attribute(KeyValue::new("modelgate.unenforced", rule.as_str()));
        }
    }

    /// Starts the client span. `headers` are those that the upstream gets.
    pub(super) fn call(
        &mut self,
        traces: &Traces,
        call: &ApiCall,
        target: Called<'_>,
        headers: &mut HeaderMap,
    ) {
        let model = target.model.or_else(|| call.model().map(|model| model.as_str()));
        let (operation, model) = (gen_ai_operation(call.route().as_str()), model.map(shown));
        let name = match (operation, &model) {
            (Some(operation), Some(model)) => format!("{operation} {model}"),
            _ => method(call.method()).to_owned(),
        };
        let mut attributes = vec![KeyValue::new("http.request.method", method(call.method()).to_owned())];
        let host = target.uri.host().map(|host| KeyValue::new("server.address", host.to_owned()));
        let port = if matches!(target.uri.scheme_str(), Some("http" | "ws")) { 80 } else { 443 };
        let port = i64::from(target.uri.port_u16().unwrap_or(port));
        attributes.extend(host);
        attributes.push(KeyValue::new("server.port", port));
        attributes.extend(operation.map(|operation| KeyValue::new("gen_ai.operation.name", operation)));
        attributes.extend(model.map(|model| KeyValue::new("gen_ai.request.model", model)));
        attributes
            .extend(target.provider.map(|known| KeyValue::new("gen_ai.provider.name", provider(known))));

        let builder = traces.tracer().span_builder(name).with_kind(SpanKind::Client);
        let parent = context(self.server.span_context());
        let span = traces.tracer().build_with_context(builder.with_attributes(attributes), &parent);
        traces.pass_on(span.span_context(), headers);
        self.upstream = Some(span);
    }

    pub(super) fn upstream_answered(&mut self, answered: Result<StatusCode, &Refusal>) {
        let Some(span) = &mut self.upstream else { return };
        match answered {
            Ok(status) => {
                span.set_attribute(status_code(status));
                if status.is_client_error() || status.is_server_error() {
                    fail(span, status.as_str());
                }
            }
            Err(refusal) => fail(span, refusal.code()),
        }
    }

    /// Records that the answer began but did not end.
    pub(super) fn broke_off(&mut self, kind: &str) {
        self.upstream.iter_mut().for_each(|span| fail(span, kind));
        fail(&mut self.server, kind);
    }

    pub(super) fn answered(
        &mut self,
        verdict: Verdict,
        status: Option<StatusCode>,
        refusal: Option<&Refusal>,
    ) {
        self.server.set_attribute(KeyValue::new("modelgate.verdict", verdict.as_str()));
        let Some(status) = status else { return };
        self.server.set_attribute(status_code(status));
        // By convention, a client error is not an error of the server span.
        if status.is_server_error() {
            let kind =
                refusal.map_or_else(|| status.as_str().to_owned(), |refusal| refusal.code().to_owned());
            fail(&mut self.server, &kind);
        }
    }
}

fn fail(span: &mut Span, kind: &str) {
    span.set_attribute(KeyValue::new("error.type", kind.to_owned()));
    span.set_status(Status::error(""));
}

fn status_code(status: StatusCode) -> KeyValue {
    KeyValue::new("http.response.status_code", i64::from(status.as_u16()))
}

fn method(method: &Method) -> &str {
    if METHODS.contains(method) { method.as_str() } else { "_OTHER" }
}

fn strings(ids: &[std::sync::Arc<str>]) -> Value {
    Value::Array(Array::String(ids.iter().cloned().map(StringValue::from).collect()))
}

fn gen_ai_operation(path: &str) -> Option<&'static str> {
    match operation(path) {
        "chat/completions" | "responses" | "messages" => Some("chat"),
        "completions" => Some("text_completion"),
        "embeddings" => Some("embeddings"),
        other if other.ends_with(":generateContent") || other.ends_with(":streamGenerateContent") => {
            Some("generate_content")
        }
        _ => None,
    }
}

fn provider(provider: Provider) -> &'static str {
    match provider {
        Provider::OpenAi => "openai",
        Provider::Azure => "azure.ai.openai",
        Provider::Anthropic => "anthropic",
        Provider::Gemini => "gcp.gemini",
        Provider::Bedrock => "aws.bedrock",
        Provider::Vertex => "gcp.vertex_ai",
    }
}
