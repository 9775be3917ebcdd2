"""modelgate beside proxies that forward by themselves: nginx, Caddy, Traefik and Envoy, with the configurations of `examples/`."""

import datetime
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading
import unittest

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from test_gateway import DEADLINE, HELLO, HERE, free_port, issue, poll, start, start_provider, start_upstream

EXAMPLES = HERE.parent.parent / "examples"
PROGRAMS = HERE / ".venv" / "bin"
DEPLOYMENT = "/openai/deployments/{}/chat/completions"

CONFIG = """
general_settings:
  enable_jwt_auth: True
  litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [allowed]}
model_list:
  - {model_name: allowed, litellm_params: {model: openai/allowed, api_key: sk-1}}
  - {model_name: denied, litellm_params: {model: openai/denied, api_key: sk-1}}
modelgate:
"""


class Doors:
    """What every proxy must do. A subclass starts one, and says which of the answers it replaces by its own."""

    convention = "x-forwarded"
    block = "forward_auth: {{listen: 127.0.0.1:{door}, convention: {convention}, without_body: url}}"
    # The port of modelgate in the example.
    door = "4002"

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.upstream = start_upstream(cls)
        cls.issuer = start_provider(cls)
        cls.ports = {"4000": cls.upstream.server_port, cls.door: free_port(), "8080": free_port()}
        cls.config = cls.directory / "config.yaml"
        cls.config.write_text(CONFIG + "  " + cls.block.format(door=cls.ports[cls.door], convention=cls.convention) + "\n")
        cls.write_files()
        environment = os.environ | {
            "JWT_PUBLIC_KEY_URL": f"{cls.issuer}/.well-known/openid-configuration",
            "JWT_AUDIENCE": "modelgate-e2e",
            "JWT_ISSUER": cls.issuer,
        }
        own = f"127.0.0.1:{free_port()}"
        serve = ["serve", "--config", cls.config, "--listen", own, "--admin", "off"]
        cls.modelgate = start(cls, os.environ["MODELGATE"], *serve, env=environment)
        cls.base = f"http://127.0.0.1:{cls.ports['8080']}"
        cls.start_proxy()
        poll("modelgate", lambda: succeeds(f"http://{own}/health/readiness"))
        poll("the proxy", lambda: succeeds(cls.base))
        cls.token = issue(cls.issuer)

    @classmethod
    def write_files(cls):
        """Writes what the configuration names beside it."""

    @classmethod
    def example(cls, name):
        """An example in a file of its own, with the ports of this test."""
        text = (EXAMPLES / name).read_text()
        for port, free in cls.ports.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free}")
            text = text.replace(f"port_value: {port}", f"port_value: {free}")
        path = cls.directory / pathlib.Path(name).name
        path.write_text(text)
        return path

    def setUp(self):
        self.upstream.take_requests()

    def send(self, path, body=None, token=None, **headers):
        headers = {"authorization": f"Bearer {token or self.token}"} | headers
        return httpx.post(self.base + path, json=body, headers=headers, timeout=DEADLINE)

    def test_an_allowed_request_arrives_with_what_modelgate_says_of_it(self):
        lie = {"x-modelgate-role": "proxy_admin", "x-modelgate-team": "other", "x-modelgate-user": "root"}
        lie |= {"x-modelgate-policies": "none", "x-api-key": "placeholder"}
        answer = self.send(DEPLOYMENT.format("allowed"), {"model": "allowed", "messages": HELLO}, **lie)
        self.assertEqual(answer.status_code, 200, answer.text)
        [request] = self.upstream.take_requests()
        self.assertEqual(request["path"], DEPLOYMENT.format("allowed"))
        headers = request["headers"]
        self.assertEqual(headers["authorization"], "Bearer sk-litellm")
        self.assertEqual(headers["x-modelgate-role"], "internal_user")
        self.assertEqual(headers["x-modelgate-models"], "allowed")
        self.assertEqual(headers.get("x-modelgate-team", ""), "")
        self.assertNotEqual(headers.get("x-modelgate-user"), "root")
        self.assertIn("role_permissions", headers["x-modelgate-policies"])
        self.assertEqual(headers.get("x-api-key", ""), "")
        self.assertEqual(request["body"]["messages"], HELLO)

    def test_a_denied_request_does_not_arrive(self):
        for path in [DEPLOYMENT.format("denied"), "/v1/chat/completions", "/key/generate"]:
            self.assertEqual(self.send(path, {"model": "denied", "messages": HELLO}).status_code, 403, path)
        self.assertEqual(self.upstream.take_requests(), [])

    def test_an_unknown_caller_is_asked_for_a_token(self):
        answer = self.send(DEPLOYMENT.format("allowed"), {"messages": HELLO}, token="sk-unknown")
        self.assertEqual(answer.status_code, 401)
        self.assertIn("Bearer", answer.headers["www-authenticate"])

    def test_what_the_client_says_of_the_original_request_is_not_believed(self):
        lie = {"x-original-uri": "/v1/models", "x-original-url": "/v1/models", "x-original-method": "GET"}
        lie |= {"x-forwarded-uri": "/v1/models", "x-forwarded-method": "GET"}
        self.assertEqual(self.send(DEPLOYMENT.format("denied"), {"messages": HELLO}, **lie).status_code, 403)
        self.assertEqual(self.upstream.take_requests(), [])

    def test_a_path_that_is_read_in_two_ways_is_denied(self):
        for path in ["/v1/models/../../key/generate", "/openai//deployments/denied/chat/completions", "/a%2fb"]:
            with httpx.Client(timeout=DEADLINE) as client:
                request = client.build_request("POST", self.base, headers={"authorization": f"Bearer {self.token}"})
                request.url = request.url.copy_with(raw_path=path.encode())
                answer = client.send(request)
            self.assertGreaterEqual(answer.status_code, 400, path)
        self.assertEqual(self.upstream.take_requests(), [])


def succeeds(url, status=None):
    """Whether there is an answer, with this status if one is given."""
    try:
        return status in (None, httpx.get(url, timeout=DEADLINE).status_code)
    except httpx.HTTPError:
        return False


class NginxTest(Doors, unittest.TestCase):
    convention = "x-original"

    @classmethod
    def start_proxy(cls):
        path = cls.example("nginx/nginx.conf")
        # Debian's nginx keeps these where only its own user may write.
        kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        places = " ".join(f"{kind}_temp_path {cls.directory}/{kind};" for kind in kinds)
        path.write_text(path.read_text().replace("http {", f"http {{ access_log off; {places}", 1))
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        settings = f"daemon off; master_process off; pid {cls.directory}/nginx.pid;"
        start(cls, program, "-p", cls.directory, "-e", "stderr", "-c", path, "-g", settings)


class CaddyTest(Doors, unittest.TestCase):
    @classmethod
    def start_proxy(cls):
        environment = os.environ | {"HOME": str(cls.directory)}
        command = [PROGRAMS / "caddy", "run", "--config", cls.example("caddy/Caddyfile")]
        start(cls, *command, env=environment, stderr=subprocess.DEVNULL)

    def test_an_error_reaches_the_client_as_modelgate_wrote_it(self):
        answer = self.send(DEPLOYMENT.format("denied"), {"messages": HELLO})
        self.assertEqual(json.loads(answer.text)["error"]["code"], "model_not_allowed")


class TraefikTest(Doors, unittest.TestCase):
    @classmethod
    def start_proxy(cls):
        dynamic = cls.example("traefik/dynamic.yml")
        settings = [f"--entryPoints.web.address=127.0.0.1:{cls.ports['8080']}", f"--providers.file.filename={dynamic}",
                    "--global.checkNewVersion=false", "--global.sendAnonymousUsage=false", "--log.level=ERROR"]
        start(cls, PROGRAMS / "traefik", *settings)
        # It listens before it has read its routes.
        poll("the routes", lambda: succeeds(f"{cls.base}/v1/models", 401))

    def test_the_body_is_judged(self):
        for model, status in [("allowed", 200), ("denied", 403)]:
            answer = self.send("/v1/chat/completions", {"model": model, "messages": HELLO})
            self.assertEqual(answer.status_code, status, answer.text)
        answer = self.send("/v1/chat/completions", {"model": "allowed", "messages": HELLO, "fallbacks": ["denied"]})
        self.assertEqual(answer.json()["error"]["code"], "model_not_allowed")
        [request] = self.upstream.take_requests()
        self.assertEqual(request["body"], {"model": "allowed", "messages": HELLO})

    def test_a_body_over_the_limit_of_traefik_is_refused(self):
        self.assertEqual(self.send("/v1/chat/completions", {"model": "allowed", "text": "x" * 40_000_000}).status_code, 401)
        self.assertEqual(self.upstream.take_requests(), [])


class EnvoyTest(Doors, unittest.TestCase):
    block = "ext_authz: {{listen: 127.0.0.1:{door}}}"
    door = "4003"

    @classmethod
    def start_proxy(cls):
        start_envoy(cls, cls.example("envoy/envoy.yaml"))

    def chat(self, model, **more):
        return self.send("/v1/chat/completions", {"model": model, "messages": HELLO} | more)

    def test_the_body_is_judged_and_a_denial_reaches_the_client_as_modelgate_wrote_it(self):
        self.assertEqual(self.chat("allowed").status_code, 200)
        for answer in [self.chat("denied"), self.chat("allowed", fallbacks=["denied"])]:
            self.assertEqual(answer.status_code, 403)
            self.assertEqual(answer.json()["error"]["code"], "model_not_allowed")
            self.assertEqual(answer.headers["x-request-id"], answer.json()["error"]["request_id"])
        self.assertEqual(len(self.upstream.take_requests()), 1)

    def test_a_request_over_http_2_is_judged(self):
        headers = {"authorization": f"Bearer {self.token}"}
        with httpx.Client(http1=False, http2=True, timeout=DEADLINE, headers=headers) as client:
            for model, status in [("allowed", 200), ("denied", 403)]:
                answer = client.post(self.base + "/v1/chat/completions", json={"model": model, "messages": HELLO})
                self.assertEqual((answer.http_version, answer.status_code), ("HTTP/2", status))
        self.assertEqual(len(self.upstream.take_requests()), 1)

    def test_models_are_listed_without_the_upstream(self):
        headers = {"authorization": f"Bearer {self.token}"}
        answer = httpx.get(self.base + "/v1/models", headers=headers, timeout=DEADLINE)
        self.assertEqual([model["id"] for model in answer.json()["data"]], ["allowed"])
        self.assertEqual(self.upstream.take_requests(), [])

    def test_a_body_over_the_limit_of_envoy_is_refused(self):
        self.assertEqual(self.chat("denied", text="x" * 40_000_000).status_code, 413)
        self.assertEqual(self.upstream.take_requests(), [])

    def test_a_second_header_hides_nothing(self):
        headers = [("authorization", f"Bearer {self.token}"), ("authorization", "Bearer sk-other")]
        body = {"model": "allowed", "messages": HELLO}
        answer = httpx.post(self.base + "/v1/chat/completions", json=body, headers=headers, timeout=DEADLINE)
        self.assertIn(answer.status_code, (400, 401))
        self.assertEqual(self.upstream.take_requests(), [])

    def test_rules_change_under_load_without_an_error(self):
        allow, deny = self.config.read_text(), self.config.read_text().replace("models: [allowed]", "models: [other]")
        statuses, stop = set(), threading.Event()

        def ask():
            with httpx.Client(timeout=DEADLINE) as client:
                while not stop.is_set():
                    body, headers = {"model": "allowed", "messages": HELLO}, {"authorization": f"Bearer {self.token}"}
                    url = self.base + "/v1/chat/completions"
                    statuses.add(client.post(url, json=body, headers=headers).status_code)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for rules, status in [(deny, 403), (allow, 200)] * 3:
                self.config.write_text(rules)
                poll(f"status {status}", lambda: self.chat("allowed").status_code == status)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(statuses, {200, 403})
        self.upstream.take_requests()


class EnvoyHttpTest(EnvoyTest):
    """The same with Envoy's HTTP service."""

    @classmethod
    def start_proxy(cls):
        path = cls.example("envoy/envoy.yaml")
        text = path.read_text()
        grpc = text[text.index("                      grpc_service:") : text.index("                  - name: envoy.filters.http.router")]
        port = cls.ports[cls.door]
        plain = f"""
                      http_service:
                        server_uri: {{uri: "http://127.0.0.1:{port}", cluster: modelgate, timeout: 5s}}
                        authorization_request:
                          allowed_headers: {{patterns: [{{safe_regex: {{regex: ".*"}}}}]}}
                        authorization_response:
                          allowed_upstream_headers: {{patterns: [{{prefix: x-modelgate-}}]}}
"""
        text = text.replace(grpc, plain.lstrip("\n")).replace("encode_raw_headers: true", "clear_route_cache: false")
        http2 = text[text.index("      typed_extension_protocol_options:") : text.index("      load_assignment:")]
        path.write_text(text.replace(http2, ""))
        start_envoy(cls, path)

    # A check over HTTP can only deny or allow, so the list comes from the upstream.
    test_models_are_listed_without_the_upstream = None


class EnvoyTlsTest(Doors, unittest.TestCase):
    """Envoy asks over TLS, and is trusted by its certificate alone."""

    block = ("ext_authz: {{listen: 127.0.0.1:{door}, tls: {{certificate: server.pem, key: server.key, client_ca: ca.pem}}}}"
             "\n  trusted_proxies: [203.0.113.0/24]")
    door = EnvoyTest.door

    @classmethod
    def write_files(cls):
        authority = issue_certificate(cls.directory, "ca")
        for name in ["server", "envoy"]:
            issue_certificate(cls.directory, name, authority)

    @classmethod
    def start_proxy(cls):
        path = cls.example("envoy/envoy.yaml")
        certificate, key, ca = (f"{{filename: {cls.directory / name}}}" for name in ["envoy.pem", "envoy.key", "ca.pem"])
        tls = f"""
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: localhost
          common_tls_context:
            tls_certificates: [{{certificate_chain: {certificate}, private_key: {key}}}]
            validation_context: {{trusted_ca: {ca}}}
      load_assignment:
        cluster_name: modelgate
"""
        plain = "\n      load_assignment:\n        cluster_name: modelgate\n"
        path.write_text(path.read_text().replace(plain, tls, 1))
        start_envoy(cls, path)

    def test_who_has_no_certificate_gets_no_answer(self):
        verify = ssl.create_default_context(cafile=self.directory / "ca.pem")
        with self.assertRaises(httpx.HTTPError):
            httpx.get(f"https://localhost:{self.ports[self.door]}/v1/models", verify=verify, timeout=DEADLINE)


def issue_certificate(directory, name, authority=None):
    """Writes a certificate and its key; returns the names and the key of the authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = authority or (subject, key)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
    if authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    signed = builder.sign(signer, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (directory / f"{name}.pem").write_bytes(signed.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / f"{name}.key").write_bytes(private)
    return subject, key


class EnvoyAloneTest(Doors, unittest.TestCase):
    """Envoy while modelgate is gone."""

    block = EnvoyTest.block
    door = EnvoyTest.door

    @classmethod
    def start_proxy(cls):
        start_envoy(cls, cls.example("envoy/envoy.yaml"))

    def test_an_allowed_request_arrives_with_what_modelgate_says_of_it(self):
        super().test_an_allowed_request_arrives_with_what_modelgate_says_of_it()
        self.modelgate.kill()
        self.modelgate.wait()
        answer = self.send(DEPLOYMENT.format("allowed"), {"messages": HELLO})
        self.assertEqual(answer.status_code, 403)
        self.assertEqual(self.upstream.take_requests(), [])

    test_a_denied_request_does_not_arrive = None
    test_an_unknown_caller_is_asked_for_a_token = None
    test_what_the_client_says_of_the_original_request_is_not_believed = None
    test_a_path_that_is_read_in_two_ways_is_denied = None


def start_envoy(cls, path):
    command = [PROGRAMS / "envoy", "-c", path, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error"]
    start(cls, *command)


if __name__ == "__main__":
    unittest.main()
