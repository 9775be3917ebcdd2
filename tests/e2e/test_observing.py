"""What a running gateway tells: metrics to Prometheus' own parser, traces to an OTLP collector, decisions to a log."""

import json
import os
import pathlib
import subprocess
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client.parser import text_string_to_metric_families

from test_gateway import (
    DEADLINE,
    HELLO,
    UPSTREAM_KEY,
    fetch,
    free_port,
    issue,
    poll,
    start_gateway,
    start_provider,
    start_upstream,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


class Collector(ThreadingHTTPServer):
    """Takes spans by OTLP, as Protocol Buffers over HTTP."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), CollectorHandler)
        self.spans = []
        self.resources = []
        self.raw = b""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def spans_of(self, trace):
        return [span for span in list(self.spans) if span.trace_id.hex() == trace]


class CollectorHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf":
            self.server.raw += body
            for batch in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.server.resources.append(attributes(batch.resource))
                for scope in batch.scope_spans:
                    self.server.spans.extend(scope.spans)
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()


def attributes(of):
    def plain(value):
        if value.WhichOneof("value") == "array_value":
            return [plain(item) for item in value.array_value.values]
        return getattr(value, value.WhichOneof("value"))

    return {attribute.key: plain(attribute.value) for attribute in of.attributes}


class ObservingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = start_upstream(cls)
        cls.issuer = start_provider(cls)
        cls.collector = Collector()
        cls.addClassCleanup(cls.collector.server_close)
        cls.addClassCleanup(cls.collector.shutdown)
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.log = pathlib.Path(directory.name) / "decisions.jsonl"
        cls.admin = f"127.0.0.1:{free_port()}"
        cls.base = start_gateway(
            cls,
            "config-observing.yaml",
            cls.upstream,
            admin=cls.admin,
            JWT_PUBLIC_KEY_URL=f"{cls.issuer}/.well-known/openid-configuration",
            JWT_AUDIENCE="modelgate-e2e",
            JWT_ISSUER=cls.issuer,
            DECISION_LOG=str(cls.log),
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{cls.collector.server_port}",
            OTEL_BSP_SCHEDULE_DELAY="50",
        )
        cls.token = issue(cls.issuer)

    def setUp(self):
        self.upstream.take_requests()

    def client(self, token=None, **headers):
        client = openai.OpenAI(
            api_key=token or self.token,
            base_url=f"{self.base}/v1",
            max_retries=0,
            timeout=DEADLINE,
            default_headers=headers,
        )
        self.addCleanup(client.close)
        return client

    def chat(self, model="anthropic-claude", **headers):
        return self.client(**headers).chat.completions.create(model=model, messages=HELLO)

    def embed(self, **headers):
        return self.client(**headers).embeddings.create(model="embedder", input="hello", encoding_format="float")

    def scrape(self):
        """Every sample, by name and labels, as Prometheus' parser reads them; and what is of which type."""
        families = list(text_string_to_metric_families(fetch(f"http://{self.admin}/metrics").decode()))
        samples = {}
        for family in families:
            for sample in family.samples:
                key = (sample.name, *sorted(sample.labels.items()))
                self.assertNotIn(key, samples, "a sample is there once")
                samples[key] = sample.value
        return samples, {family.name: family.type for family in families}

    def line(self, request_id):
        """The line of a request in the decision log."""

        def find():
            lines = map(json.loads, self.log.read_text().splitlines())
            return next((line for line in lines if line["request_id"] == request_id), None)

        return poll(f"the line of {request_id}", find)

    def test_metrics_are_what_prometheus_can_read(self):
        before, _ = self.scrape()
        self.chat()
        self.embed()
        with self.assertRaises(openai.PermissionDeniedError):
            self.chat("openai-gpt-4o")
        with self.assertRaises(openai.AuthenticationError):
            self.client("not-a-token").models.list()

        def settled():
            samples, types = self.scrape()
            return samples[("modelgate_requests_in_flight",)] == 0 and (samples, types)

        after, types = poll("the requests to end", settled)

        def grown(name, **labels):
            key = (name, *sorted(labels.items()))
            return after[key] - before.get(key, 0)

        self.assertEqual(grown("modelgate_decisions_total", verdict="allowed"), 2)
        self.assertEqual(grown("modelgate_decisions_total", verdict="denied"), 1)
        self.assertEqual(grown("modelgate_decisions_total", verdict="refused"), 1)
        self.assertEqual(grown("modelgate_denials_total", rule="R2.model"), 1)
        self.assertEqual(grown("modelgate_refusals_total", code="invalid_api_key"), 1)
        models = "general_settings.role_permissions[0].models"
        self.assertEqual(grown("modelgate_policy_decisions_total", policy=models), 2)
        self.assertEqual(grown("modelgate_shadow_disagreements_total", policy="no-embeddings"), 1)
        self.assertEqual(grown("modelgate_upstream_responses_total", status="200"), 2)
        for stage, count in {"authenticate": 4, "read_body": 3, "decide": 3, "upstream": 2}.items():
            self.assertEqual(grown("modelgate_stage_duration_seconds_count", stage=stage), count, stage)
        self.assertEqual(grown("modelgate_request_duration_seconds_count"), 4)

        keys = {"issuer": "", "provider": f"{self.issuer}/.well-known/openid-configuration"}
        self.assertEqual(after[("modelgate_jwks_keys", *sorted(keys.items()))], 2)
        self.assertLess(after[("modelgate_jwks_age_seconds", *sorted(keys.items()))], 600)
        self.assertEqual(after[("modelgate_jwks_fetch_failures_total", *sorted(keys.items()))], 0)
        self.assertEqual(after[("modelgate_decision_log_dropped_total",)], 0)
        self.assertEqual(after[("modelgate_snapshot_generation",)], 1)
        self.assertGreater(after[("process_resident_memory_bytes",)], 1 << 20)
        self.assertEqual(types["modelgate_stage_duration_seconds"], "histogram")
        # The parser takes `_total` from the names of counters.
        self.assertEqual(types["modelgate_decisions"], "counter")

    def test_nothing_secret_is_in_metrics_traces_or_log(self):
        with self.assertRaises(openai.PermissionDeniedError):
            self.chat("openai-gpt-4o", **{"x-request-id": "secrets"})
        self.chat(**{"traceparent": TRACEPARENT.replace(TRACE, "a" * 32)})
        self.line("secrets")
        poll("the spans", lambda: len(self.collector.spans_of("a" * 32)) == 2)
        told = fetch(f"http://{self.admin}/metrics") + self.collector.raw + self.log.read_bytes()
        for secret in [self.token, self.token.split(".")[1], UPSTREAM_KEY, HELLO[0]["content"]]:
            self.assertNotIn(secret.encode(), told)

    def test_a_trace_goes_through_the_gateway(self):
        self.chat(traceparent=TRACEPARENT, tracestate="vendor=1")
        spans = poll("both spans", lambda: len(found := self.collector.spans_of(TRACE)) == 2 and found)
        server = next(span for span in spans if span.kind == Span.SPAN_KIND_SERVER)
        client = next(span for span in spans if span.kind == Span.SPAN_KIND_CLIENT)
        self.assertEqual((server.parent_span_id.hex(), client.parent_span_id), (PARENT, server.span_id))
        self.assertEqual(server.name, "POST /v1/chat/completions")
        seen = attributes(server)
        self.assertEqual(seen["http.request.method"], "POST")
        self.assertEqual(seen["http.route"], "/v1/chat/completions")
        self.assertEqual(seen["http.response.status_code"], 200)
        self.assertEqual(seen["gen_ai.request.model"], "anthropic-claude")
        self.assertEqual(seen["modelgate.verdict"], "allowed")
        self.assertIn("general_settings.role_permissions[0].models", seen["modelgate.policies"])
        called = attributes(client)
        self.assertEqual(client.name, "chat upstream-chat")
        self.assertEqual(called["gen_ai.operation.name"], "chat")
        self.assertEqual(called["gen_ai.provider.name"], "openai")
        self.assertEqual(called["server.address"], "127.0.0.1")
        self.assertEqual(called["server.port"], self.upstream.server_port)
        self.assertEqual(called["http.response.status_code"], 200)
        self.assertLessEqual(server.start_time_unix_nano, client.start_time_unix_nano)
        self.assertLessEqual(client.end_time_unix_nano, server.end_time_unix_nano)

        [request] = self.upstream.take_requests()
        context = f"00-{TRACE}-{client.span_id.hex()}-01"
        self.assertEqual((request["headers"]["traceparent"], request["headers"]["tracestate"]), (context, "vendor=1"))
        self.assertEqual(self.collector.resources[0]["service.name"], "modelgate")

    def test_a_denial_is_a_span_without_an_upstream_and_no_error(self):
        trace = "b" * 32
        with self.assertRaises(openai.PermissionDeniedError):
            self.chat("openai-gpt-4o", traceparent=TRACEPARENT.replace(TRACE, trace))
        [span] = poll("the span", lambda: self.collector.spans_of(trace))
        seen = attributes(span)
        self.assertEqual((seen["http.response.status_code"], seen["modelgate.rule"]), (403, "R2.model"))
        self.assertEqual(span.status.code, Status.STATUS_CODE_UNSET)

    def test_a_disputed_request_is_never_sampled_away(self):
        self.chat(**{"x-request-id": "undisputed"})
        self.embed(**{"x-request-id": "disputed"})
        line = self.line("disputed")
        self.assertEqual((line["verdict"], line["shadow"]), ("allowed", ["no-embeddings"]))
        self.assertEqual(line["caller"]["issuer"], self.issuer)
        logged = [json.loads(line)["request_id"] for line in self.log.read_text().splitlines()]
        self.assertNotIn("undisputed", logged)

    def test_the_chain_verifies_and_a_changed_log_does_not(self):
        with self.assertRaises(openai.PermissionDeniedError):
            self.chat("openai-gpt-4o", **{"x-request-id": "chained"})
        self.line("chained")
        copy = self.log.with_suffix(".copy")
        text = self.log.read_text()

        def verify(text):
            copy.write_text(text)
            return subprocess.run([os.environ["MODELGATE"], "verify-log", copy], capture_output=True).returncode

        self.assertEqual(verify(text), 0)
        self.assertEqual(verify(text.replace('"R2.model"', '"R2.route"')), 2)


class WithoutTracesTest(unittest.TestCase):
    def test_the_callers_context_is_passed_on_as_it_is(self):
        upstream, issuer = start_upstream(self.__class__), start_provider(self.__class__)
        keys = f"{issuer}/.well-known/openid-configuration"
        base = start_gateway(self.__class__, "config.yaml", upstream, JWT_PUBLIC_KEY_URL=keys)
        headers = {"traceparent": TRACEPARENT, "tracestate": "vendor=1"}
        with openai.OpenAI(
            api_key=issue(issuer), base_url=f"{base}/v1", max_retries=0, timeout=DEADLINE, default_headers=headers
        ) as client:
            client.chat.completions.create(model="anthropic-claude", messages=HELLO)
        [request] = upstream.take_requests()
        self.assertEqual({name: request["headers"][name] for name in headers}, headers)


if __name__ == "__main__":
    unittest.main(verbosity=2)
