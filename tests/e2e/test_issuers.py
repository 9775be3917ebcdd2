"""Several issuers, and tokens that are no JWTs, between real parts."""

import unittest

import openai

from test_gateway import (
    DEADLINE,
    HELLO,
    basic,
    fetch,
    issue,
    poll,
    start_gateway,
    start_provider,
    start_upstream,
)


class Caller(unittest.TestCase):
    """What the classes below have in common; it has no tests of its own."""

    def setUp(self):
        self.upstream.take_requests()

    def chat(self, token):
        with openai.OpenAI(
            api_key=token, base_url=f"{self.base}/v1", max_retries=0, timeout=DEADLINE
        ) as client:
            return client.chat.completions.create(model="anthropic-claude", messages=HELLO)

    def assert_permitted(self, token):
        self.chat(token)
        [request] = self.upstream.take_requests()
        self.assertNotIn(token, str(request))

    def assert_refused(self, token, error=openai.AuthenticationError):
        with self.assertRaises(error):
            self.chat(token)
        self.assertEqual(self.upstream.take_requests(), [])


class IssuersTest(Caller):
    @classmethod
    def setUpClass(cls):
        cls.upstream = start_upstream(cls)
        cls.first = start_provider(cls, AUDIENCE="first-e2e")
        cls.second = start_provider(cls, AUDIENCE="second-e2e")
        cls.unlisted = start_provider(cls, AUDIENCE="first-e2e")
        # The keys of the unlisted one are known, but nothing names it.
        cls.base = start_gateway(
            cls,
            "config-issuers.yaml",
            cls.upstream,
            FIRST_ISSUER=cls.first,
            SECOND_ISSUER=cls.second,
            JWT_PUBLIC_KEY_URL=f"{cls.unlisted}/jwks",
        )

    def test_tokens_of_both_issuers_are_accepted(self):
        self.assert_permitted(issue(self.first))
        self.assert_permitted(issue(self.second))

    def test_each_issuer_has_its_own_claim_for_the_user(self):
        # The second issuer's clients have an id there, which makes them internal users without the role.
        self.assert_permitted(issue(self.second, "other"))
        self.assert_refused(issue(self.first, "other"), openai.PermissionDeniedError)

    def test_a_token_of_an_unlisted_issuer_is_refused(self):
        self.assert_refused(issue(self.unlisted))

    def test_rotated_keys_of_one_issuer_are_picked_up(self):
        fetch(f"{self.second}/control/rotate", {})
        token = issue(self.second)

        def known():
            try:
                return bool(self.chat(token))
            except openai.AuthenticationError:
                return False

        poll("the new key to be known", known)
        self.upstream.take_requests()
        self.assert_permitted(issue(self.first))


class GlobalIssuerTest(Caller):
    @classmethod
    def setUpClass(cls):
        cls.upstream = start_upstream(cls)
        cls.first = start_provider(cls, AUDIENCE="first-e2e")
        cls.named = start_provider(cls, AUDIENCE="named-e2e")
        cls.base = start_gateway(
            cls,
            "config-issuers.yaml",
            cls.upstream,
            FIRST_ISSUER=cls.first,
            # Nobody listens there.
            SECOND_ISSUER="http://127.0.0.1:1",
            JWT_PUBLIC_KEY_URL=f"{cls.named}/.well-known/openid-configuration",
            JWT_ISSUER=cls.named,
            JWT_AUDIENCE="named-e2e",
        )

    def test_the_issuer_that_jwt_issuer_names_is_accepted_beside_the_listed_ones(self):
        self.assert_permitted(issue(self.named))

    def test_a_listed_issuer_that_is_down_does_not_block_the_others(self):
        self.assert_permitted(issue(self.first))


class IntrospectionTest(Caller):
    @classmethod
    def setUpClass(cls):
        cls.upstream = start_upstream(cls)
        cls.issuer = start_provider(cls, TOKENS="opaque")
        cls.base = start_gateway(
            cls,
            "config-introspection.yaml",
            cls.upstream,
            INTROSPECTION_ENDPOINT=f"{cls.issuer}/token/introspection",
            JWT_ISSUER=cls.issuer,
            JWT_AUDIENCE="modelgate-e2e",
        )

    def test_an_opaque_token_has_the_claims_that_its_provider_says(self):
        token = issue(self.issuer)
        self.assertNotIn(".", token)
        self.assert_permitted(token)
        self.assert_refused(issue(self.issuer, "other"), openai.PermissionDeniedError)

    def test_a_token_that_nobody_issued_is_refused(self):
        token = issue(self.issuer)
        self.assert_refused(token[:-1])
        self.assert_refused(token + "x")

    def test_a_revoked_token_is_refused_once_the_answer_is_too_old(self):
        token = issue(self.issuer)
        self.assert_permitted(token)
        fetch(f"{self.issuer}/token/revocation", {"token": token}, basic("basic"))

        def refused():
            try:
                return not self.chat(token)
            except openai.AuthenticationError:
                return True

        poll("the revocation to count", refused)

    def test_a_token_for_nobody_in_particular_is_refused(self):
        # It is active, but its audience is not ours.
        self.assert_refused(fetch(f"{self.issuer}/control/login?account=basic", {}).decode())


class UserinfoTest(Caller):
    @classmethod
    def setUpClass(cls):
        cls.upstream = start_upstream(cls)
        cls.issuer = start_provider(cls)
        cls.base = start_gateway(
            cls,
            "config-userinfo.yaml",
            cls.upstream,
            USERINFO_ENDPOINT=f"{cls.issuer}/me",
            JWT_PUBLIC_KEY_URL=f"{cls.issuer}/jwks",
            JWT_ISSUER=cls.issuer,
            JWT_AUDIENCE="modelgate-e2e",
        )

    def login(self, account):
        return fetch(f"{self.issuer}/control/login?account={account}", {}).decode()

    def test_an_opaque_token_has_the_claims_of_the_userinfo_endpoint(self):
        self.assert_permitted(self.login("basic"))
        self.assert_refused(self.login("other"), openai.PermissionDeniedError)

    def test_a_token_that_the_endpoint_does_not_know_is_refused(self):
        self.assert_refused(self.login("basic") + "x")

    def test_a_jwt_is_verified_as_before(self):
        token = issue(self.issuer)
        self.assert_permitted(token)
        self.assert_refused(token[:-4] + "AAAA")


if __name__ == "__main__":
    unittest.main(verbosity=2)
