"""What the tests of clients have in common."""

import unittest

from test_gateway import fetch, issue, start_gateway, start_provider

from clients.providers import ProvidersUpstream, SocketUpstream

REASON = "the caller's role may not use this model"
HELLO = [{"role": "user", "content": "hello"}]


class ClientTest(unittest.TestCase):
    """Starts an identity provider, the upstreams and modelgate; it has no tests of its own."""

    config = "clients/config.yaml"

    @classmethod
    def setUpClass(cls):
        cls.upstream = ProvidersUpstream()
        cls.addClassCleanup(cls.upstream.server_close)
        cls.addClassCleanup(cls.upstream.shutdown)
        cls.sockets = SocketUpstream()
        cls.addClassCleanup(cls.sockets.server.shutdown)
        issuer = start_provider(cls)
        cls.base = start_gateway(cls, cls.config, cls.upstream, **cls.variables(issuer))
        cls.token = issue(issuer)
        cls.expired = fetch(f"{issuer}/control/expired", {}).decode()

    @classmethod
    def variables(cls, issuer):
        return {
            "UPSTREAM_ROOT": cls.upstream.url.removesuffix("/v1"),
            "SOCKET_URL": cls.sockets.url,
            "SOCKET_ROOT": cls.sockets.url.removesuffix("/v1"),
            "JWT_PUBLIC_KEY_URL": f"{issuer}/.well-known/openid-configuration",
            "JWT_AUDIENCE": "modelgate-e2e",
            "JWT_ISSUER": issuer,
        }

    def setUp(self):
        self.upstream.take_requests()
        self.sockets.take()

    def arrived(self, path, model=None):
        """Asserts that one request arrived, with the deployment's name, and without the token."""
        [request] = self.upstream.take_requests()
        self.assertEqual(request["path"].split("?")[0], path)
        if model:
            self.assertEqual(request["body"]["model"], model)
        self.assertNotIn(self.token, str(request))

    def assert_refused(self, call, error, status, reason):
        """Asserts that the client raises its own error, which shows the status and the reason."""
        with self.assertRaises(error) as raised:
            call()
        shown = raised.exception
        found = [getattr(shown, name, None) for name in ("status_code", "code")]
        self.assertIn(status, found, repr(shown))
        self.assertIn(reason, str(shown))
        self.assertEqual(self.upstream.take_requests(), [])
