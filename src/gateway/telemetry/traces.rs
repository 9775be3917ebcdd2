//! Exports traces with OpenTelemetry, and propagates W3C trace context.

use std::time::Duration;

use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::export::Collector;

const NAME: &str = env!("CARGO_PKG_NAME");
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// Sends the spans of each request to a collector, in batches, from a separate thread.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

/// Traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TracesError {
    /// OpenTelemetry's environment variables are invalid.
    #[error("traces cannot be sent: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// The system's certificates cannot be loaded.
    #[error("traces cannot be sent: {0}")]
    Certificates(#[from] std::io::Error),
}

impl Traces {
    /// Traces as OpenTelemetry's environment variables configure them; `None` without `OTEL_EXPORTER_OTLP_ENDPOINT`.
    /// They are sent by HTTP with Protocol Buffers. Must be called in a runtime.
    ///
    /// # Errors
    ///
    /// [`TracesError`] if the variables are invalid.
    pub fn from_environment() -> Result<Option<Self>, TracesError> {
        let is =
            |name: &str, value: &str| std::env::var(name).is_ok_and(|set| set.eq_ignore_ascii_case(value));
        let has_endpoint = ENDPOINTS.iter().any(|name| std::env::var(name).is_ok_and(|set| !set.is_empty()));
        if !has_endpoint || is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let exporter = SpanExporter::builder().with_http().with_http_client(Collector::new()?).build()?;
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        let (tracer, propagator) = (provider.tracer(NAME), TraceContextPropagator::new());
        Ok(Some(Self { provider, tracer, propagator }))
    }

    pub(super) fn tracer(&self) -> &SdkTracer {
        &self.tracer
    }

    /// Reads the caller's `traceparent` and `tracestate`.
    pub(super) fn context_of(&self, headers: &HeaderMap) -> Context {
        self.propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers))
    }

    /// Replaces the context in the headers with a span's context.
    pub(super) fn pass_on(&self, span: &SpanContext, headers: &mut HeaderMap) {
        // Without a state, the caller's state would not be overwritten.
        headers.remove("tracestate");
        self.propagator.inject_context(&context(span), &mut HeaderInjector(headers));
        if headers.get("tracestate").is_some_and(http::HeaderValue::is_empty) {
            headers.remove("tracestate");
        }
    }

    /// Sends queued spans, for up to this time.
    pub(super) async fn flush(&self, patience: Duration) {
        let provider = self.provider.clone();
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(patience)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("some traces were not sent before the end");
        }
    }
}

/// The context for child spans of this one.
pub(super) fn context(span: &SpanContext) -> Context {
    Context::new().with_remote_span_context(span.clone())
}

/// `service.name` from the environment, or the default.
fn resource() -> Resource {
    let named = std::env::var_os("OTEL_SERVICE_NAME").is_some()
        || std::env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|set| set.contains("service.name="));
    let resource =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if named { resource.build() } else { resource.with_service_name(NAME).build() }
}
