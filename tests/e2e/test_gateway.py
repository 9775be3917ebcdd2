"""modelgate between real parts: tokens from `oidc-provider`, calls by `openai`, over sockets."""

import base64
import json
import os
import pathlib
import socket
import ssl
import subprocess
import time
import unittest
import urllib.parse
import urllib.request

import openai

from upstream import WORDS, Upstream

HERE = pathlib.Path(__file__).parent
UPSTREAM_KEY = "key-of-the-deployment"
DEADLINE = 30
HELLO = [{"role": "user", "content": "hello"}]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def poll(what, ready):
    """Returns the first true answer of `ready` before the deadline."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        try:
            if answer := ready():
                return answer
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError(what)


def start(cls, *command, **options):
    process = subprocess.Popen([str(part) for part in command], **options)
    cls.addClassCleanup(stop, process)
    return process


def stop(process):
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def start_provider(cls, **variables):
    """Starts an identity provider and returns its issuer."""
    environment = os.environ | variables
    provider = start(cls, "node", HERE / "provider.mjs", stdout=subprocess.PIPE, text=True, env=environment)
    issuer = provider.stdout.readline().strip()
    if not issuer:
        raise RuntimeError("the identity provider did not start")
    return issuer


def start_upstream(cls):
    upstream = Upstream()
    cls.addClassCleanup(upstream.server_close)
    cls.addClassCleanup(upstream.shutdown)
    return upstream


def start_gateway(cls, config, upstream, admin="off", **variables):
    """Starts modelgate, waits until it serves, and returns its URL."""
    address = f"127.0.0.1:{free_port()}"
    certificate = variables.get("TLS_CERTIFICATE")
    base = f"{'https' if certificate else 'http'}://{address}"
    trusted = ssl.create_default_context(cafile=certificate)
    environment = os.environ | variables | {"UPSTREAM_URL": upstream.url, "UPSTREAM_KEY": UPSTREAM_KEY}
    serve = ["serve", "--config", HERE / config, "--listen", address, "--admin", admin]
    gateway = start(cls, os.environ["MODELGATE"], *serve, env=environment)

    def ready():
        if gateway.poll() is not None:
            raise RuntimeError(f"modelgate ended with code {gateway.returncode}")
        return fetch(f"{base}/health/readiness", trusted=trusted) is not None

    poll("the gateway to be ready", ready)
    return base


def basic(client):
    """The header by which a client of the provider authenticates."""
    credentials = base64.b64encode(f"{client}:{client}-secret".encode()).decode()
    return {"authorization": f"Basic {credentials}"}


def issue(issuer, client="basic"):
    """An access token for a client of the provider."""
    answer = fetch(f"{issuer}/token", {"grant_type": "client_credentials"}, basic(client))
    return json.loads(answer)["access_token"]


def fetch(url, data=None, headers={}, trusted=None):
    data = urllib.parse.urlencode(data).encode() if data is not None else None
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=DEADLINE, context=trusted) as response:
        return response.read()


class GatewayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = start_upstream(cls)
        cls.issuer = start_provider(cls)
        cls.base = start_gateway(
            cls,
            "config.yaml",
            cls.upstream,
            JWT_PUBLIC_KEY_URL=f"{cls.issuer}/.well-known/openid-configuration",
            JWT_AUDIENCE="modelgate-e2e",
            JWT_ISSUER=cls.issuer,
        )

    def setUp(self):
        self.upstream.take_requests()

    def token(self, client="basic"):
        return issue(self.issuer, client)

    def client(self, token):
        client = openai.OpenAI(api_key=token, base_url=f"{self.base}/v1", max_retries=0, timeout=DEADLINE)
        self.addCleanup(client.close)
        return client

    def chat(self, token, model="anthropic-claude", **options):
        return self.client(token).chat.completions.create(model=model, messages=HELLO, **options)

    def rotate_keys(self):
        """Makes the provider sign with a new key, and waits until the gateway may ask for keys again and knows it."""
        fetch(f"{self.issuer}/control/rotate", {})
        token = self.token()

        def known():
            try:
                return bool(self.client(token).models.list())
            except openai.AuthenticationError:
                return False

        poll("the new key to be known", known)

    def test_a_permitted_chat_is_answered_by_the_deployment(self):
        token = self.token()
        self.assertEqual(self.chat(token).choices[0].message.content, "".join(WORDS))
        [request] = self.upstream.take_requests()
        self.assertEqual(request["path"], "/v1/chat/completions")
        self.assertEqual(request["body"], {"messages": HELLO, "model": "upstream-chat"})

    def test_the_upstream_gets_the_deployments_key_and_never_the_token(self):
        token = self.token()
        self.chat(token)
        [request] = self.upstream.take_requests()
        headers = {name.lower(): value for name, value in request["headers"].items()}
        self.assertEqual(headers["authorization"], f"Bearer {UPSTREAM_KEY}")
        self.assertNotIn(token, json.dumps(request))

    def test_a_streamed_chat_arrives_word_by_word(self):
        stream = self.client(self.token()).chat.completions.create(
            model="anthropic-claude", messages=HELLO, stream=True
        )
        words = []
        for chunk in stream:
            words.append(chunk.choices[0].delta.content)
            if len(words) < len(WORDS):
                self.upstream.go_on.put(None)
        self.assertEqual(words, WORDS)
        self.assertFalse(self.upstream.abandoned.is_set())

    def test_a_client_that_goes_away_ends_the_upstream_call(self):
        stream = self.client(self.token()).chat.completions.create(
            model="anthropic-claude", messages=HELLO, stream=True
        )
        self.addCleanup(self.upstream.abandoned.clear)
        next(iter(stream))
        stream.close()
        # Less than the time after which the upstream would give up by itself.
        self.assertTrue(self.upstream.abandoned.wait(timeout=5))

    def test_embeddings_pass(self):
        answer = self.client(self.token()).embeddings.create(
            model="embedder", input="hello", encoding_format="float"
        )
        self.assertEqual(answer.data[0].embedding, [0.25, 0.5])
        [request] = self.upstream.take_requests()
        self.assertEqual(request["body"]["model"], "upstream-embed")

    def test_the_models_list_is_what_the_caller_may_call(self):
        listed = [model.id for model in self.client(self.token()).models.list()]
        self.assertEqual(sorted(listed), ["anthropic-claude", "embedder"])

    def test_a_denied_model_raises_permission_denied(self):
        with self.assertRaises(openai.PermissionDeniedError):
            self.chat(self.token(), model="openai-gpt-4o")
        self.assertEqual(self.upstream.take_requests(), [])

    def test_a_caller_without_the_role_is_denied(self):
        with self.assertRaises(openai.PermissionDeniedError):
            self.chat(self.token("other"))
        self.assertEqual(self.upstream.take_requests(), [])

    def test_a_call_without_a_valid_token_raises_authentication_error(self):
        head, payload, signature = self.token().split(".")
        other = self.token("other").split(".")[1]
        for token in ["nothing-like-a-token", f"{head}.{other}.{signature}", f"{head}.{payload}."]:
            with self.subTest(token=token), self.assertRaises(openai.AuthenticationError):
                self.chat(token)
        self.assertEqual(self.upstream.take_requests(), [])

    def test_a_call_without_a_token_raises_authentication_error(self):
        with self.assertRaises(openai.AuthenticationError) as raised:
            self.chat("unused", extra_headers={"Authorization": openai.Omit()})
        self.assertTrue(raised.exception.response.headers["www-authenticate"].startswith("Bearer"))
        self.assertEqual(self.upstream.take_requests(), [])

    def test_rotated_keys_are_picked_up_and_removed_ones_dropped(self):
        first = self.token()
        self.chat(first)
        self.rotate_keys()
        second = self.token()
        self.chat(second)
        # The provider still publishes the first key beside the second.
        self.chat(first)
        self.rotate_keys()
        self.chat(self.token())
        self.chat(second)
        with self.assertRaises(openai.AuthenticationError):
            self.chat(first)


if __name__ == "__main__":
    unittest.main(verbosity=2)
