"""WebSockets by the clients of OpenAI and Google."""

import asyncio
import datetime
import ipaddress
import pathlib
import ssl
import tempfile
import unittest

import openai
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google import genai
from google.genai.errors import APIError
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clients.providers import TEXT
from clients.support import REASON, ClientTest


class OpenAISocketsTest(ClientTest):
    def client(self, token=None):
        client = openai.OpenAI(api_key=token or self.token, base_url=f"{self.base}/v1", max_retries=0)
        self.addCleanup(client.close)
        return client

    def test_a_realtime_session_is_answered(self):
        with self.client().realtime.connect(model="realtime") as connection:
            self.assertEqual(connection.recv().type, "session.created")
            connection.response.create()
            self.assertEqual(connection.recv().delta, TEXT)
        [handshake], messages = self.sockets.take()
        self.assertEqual(handshake["path"], "/v1/realtime?model=upstream%2Drealtime")
        self.assertNotIn(self.token, str(handshake))
        self.assertEqual([message["type"] for message in messages], ["response.create"])

    def test_a_message_of_a_realtime_session_that_names_a_denied_model_is_answered_by_an_error(self):
        with self.client().realtime.connect(model="realtime") as connection:
            connection.recv()
            transcription = {"audio": {"input": {"transcription": {"model": "denied"}}}}
            connection.session.update(session={"type": "realtime"} | transcription)
            event = connection.recv()
            self.assertEqual((event.type, event.error.message), ("error", REASON))
        self.assertEqual(self.sockets.take()[1], [])

    def test_a_response_is_answered_over_a_socket(self):
        with self.client().responses.connect() as connection:
            connection.response.create(model="codex-socket", input="hello")
            words = []
            while (event := connection.recv()).type != "response.completed":
                if event.type == "response.output_text.delta":
                    words.append(event.delta)
            self.assertEqual("".join(words), TEXT)
        self.assertEqual(self.sockets.take()[1][0]["model"], "upstream-codex")

    def test_a_denied_response_over_a_socket_is_an_error_event(self):
        with self.client().responses.connect() as connection:
            connection.response.create(model="denied", input="hello")
            self.assertIn(REASON, connection.recv().to_json())
        self.assertEqual(self.sockets.take(), ([], []))

    def test_the_handshake_of_a_denied_model_or_an_expired_token_is_refused(self):
        for client, model, status in [(self.client(), "denied", 403), (self.client(self.expired), "realtime", 401)]:
            with self.subTest(model=model), self.assertRaises(InvalidStatus) as raised:
                with client.realtime.connect(model=model):
                    pass
            self.assertEqual(raised.exception.response.status_code, status)
        self.assertEqual(self.sockets.take(), ([], []))


class GeminiLiveTest(ClientTest):
    """google-genai speaks TLS to every address here, so modelgate has a certificate."""

    config = "clients/config-tls.yaml"

    @classmethod
    def variables(cls, issuer):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.certificate, key = certify(pathlib.Path(directory.name))
        return super().variables(issuer) | {"TLS_CERTIFICATE": str(cls.certificate), "TLS_KEY": str(key)}

    def client(self, token=None):
        trusted = ssl.create_default_context(cafile=self.certificate)
        options = {"base_url": self.base, "async_client_args": {"ssl": trusted, "verify": trusted}}
        return genai.Client(api_key=token or self.token, http_options=options)

    async def talk(self, client, model):
        async with client.aio.live.connect(model=model) as session:
            await session.send_client_content(turns={"role": "user", "parts": [{"text": "hello"}]}, turn_complete=True)
            return "".join([message.text async for message in session.receive() if message.text])

    def test_a_live_session_is_answered(self):
        self.assertEqual(asyncio.run(self.talk(self.client(), "live")), TEXT)
        [handshake], messages = self.sockets.take()
        self.assertEqual(messages[0]["setup"]["model"], "models/upstream-live")
        self.assertNotIn(self.token, str(handshake))

    def test_a_live_session_of_a_denied_model_ends_with_the_reason(self):
        with self.assertRaises((ConnectionClosed, APIError)) as raised:
            asyncio.run(self.talk(self.client(), "denied"))
        self.assertIn("1008", str(raised.exception))
        self.assertIn(REASON, str(raised.exception))
        self.assertEqual(self.sockets.take(), ([], []))

    def test_a_live_session_with_an_expired_token_is_refused(self):
        with self.assertRaises(InvalidStatus) as raised:
            asyncio.run(self.talk(self.client(self.expired), "live"))
        self.assertEqual(raised.exception.response.status_code, 401)


def certify(directory):
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "modelgate-e2e")])
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - hour, now + hour)
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    paths = directory / "certificate.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(*encoding))
    return paths
