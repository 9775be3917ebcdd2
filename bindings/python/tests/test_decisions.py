"""What a decision says, and what it is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Provider
from modelgate_policy import Decision, Rules

CHAT = "/v1/chat/completions"
CLAIMS = {"sub": "ada", "roles": ["basic_user"]}


@pytest.fixture
def rules(config: Path) -> Iterator[Rules]:
    with Rules.from_file(config) as rules:
        yield rules


def test_an_allowed_request_has_its_grounds(rules: Rules) -> None:
    decision = rules.decide(CHAT, claims=CLAIMS, body={"model": "allowed"})
    assert decision and decision.allow
    assert (decision.status, decision.rule, decision.code, decision.reason) == (200, None, None, None)
    assert (decision.role, decision.team_id, decision.models) == ("internal_user", None, ("allowed",))
    assert "general_settings.role_permissions[0].models" in decision.policies
    assert (decision.unenforced, decision.shadow) == (None, ())
    assert decision.generation == rules.status()["generation"]
    assert decision.request_id
    assert (decision.response_headers, decision.response_body) == ([], None)


def test_a_denied_request_has_the_response_of_the_gateway(rules: Rules) -> None:
    decision = rules.decide(CHAT, claims=CLAIMS, body={"model": "denied"})
    assert not decision and not decision.allow
    assert (decision.status, decision.rule, decision.code) == (403, "R2.model", "model_not_allowed")
    error = json.loads(decision.response_body or b"")["error"]
    assert error["message"] == decision.reason
    assert error["request_id"] == decision.request_id == dict(decision.response_headers)["x-request-id"]
    anthropic = rules.decide("/v1/messages", claims=CLAIMS, body={"model": "denied"})
    assert json.loads(anthropic.response_body or b"")["type"] == "error"


def test_a_decision_does_not_change(rules: Rules) -> None:
    decision = rules.decide(CHAT, claims=CLAIMS, body={"model": "denied"})
    with pytest.raises(AttributeError):
        decision.allow = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        Decision()


@pytest.mark.parametrize("body", [b'{"model": "allowed"}', '{"model": "allowed"}', {"model": "allowed"}])
def test_a_body_is_bytes_text_or_an_object(rules: Rules, body: Any) -> None:
    assert rules.decide(CHAT, claims=CLAIMS, body=body)


def test_no_body_and_an_unknown_body_are_distinguished(rules: Rules) -> None:
    assert rules.decide(CHAT, claims=CLAIMS).code == "invalid_request"
    assert rules.decide(CHAT, claims=CLAIMS, body=None).code == "body_required"
    assert rules.decide("/v1/models", "GET", claims=CLAIMS, body=None)


def test_the_credential_is_a_token_or_claims_or_in_a_header(rules: Rules, provider: Provider) -> None:
    token, body = provider.token(), {"model": "allowed"}
    assert rules.decide(CHAT, token=token, body=body)
    assert rules.decide(CHAT, headers={"Authorization": f"Bearer {token}"}, body=body)
    assert rules.decide(CHAT, headers={b"x-litellm-api-key": token.encode()}, body=body)
    assert rules.decide(CHAT, headers=[("authorization", "Basic eDp5")], token=token, body=body)
    assert rules.decide(CHAT, body=body).status == 401
    with pytest.raises(TypeError, match="exclude each other"):
        rules.decide(CHAT, token=token, claims=CLAIMS, body=body)


def test_a_token_is_verified(rules: Rules, provider: Provider) -> None:
    body = {"model": "allowed"}
    tokens = [provider.token(lifetime=-1), provider.token(aud="other"), provider.token()[:-4] + "AAAA", "x", "", "a\nb"]
    for token in tokens:
        decision = rules.decide(CHAT, token=token, body=body)
        assert not decision
        assert decision.status in (400, 401)


def test_headers_that_occur_twice_are_two(rules: Rules, provider: Provider) -> None:
    twice = [("authorization", f"Bearer {provider.token()}"), ("authorization", "Bearer sk-other")]
    decision = rules.decide(CHAT, headers=twice, body={"model": "allowed"})
    assert decision.code == "bad_credential"


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("v1/models", "GET", {}),
        ("https://host/v1/models", "GET", {}),
        ("/v1/models#x", "GET", {}),
        ("/v1/ models", "GET", {}),
        ("", "GET", {}),
        ("/v1/models", "G T", {}),
        ("/v1/models", "", {}),
        ("/v1/models", "GET", {"a b": "c"}),
        ("/v1/models", "GET", {"a": "b\nc"}),
        ("/v1/models", "GET", {"a": "\u0100"}),
        ("/v1/models", "GET", {"": "c"}),
        ("/v1//models", "GET", {}),
        ("/v1/models/%2e%2e/x", "GET", {}),
    ],
)
def test_what_is_no_request_is_denied(rules: Rules, path: str, method: str, headers: dict[str, str]) -> None:
    decision = rules.decide(path, method, claims=CLAIMS, headers=headers)
    assert not decision
    assert (decision.status, decision.code) == (400, "invalid_request")
    assert json.loads(decision.response_body or b"")["error"]["code"] == "invalid_request"


def test_a_wrong_type_is_a_type_error(rules: Rules) -> None:
    ask: Any = rules.decide
    circle: dict[str, Any] = {}
    circle["circle"] = circle
    wrong: list[dict[str, Any]] = [
        {"path": b"/v1/models"},
        {"path": None},
        {"method": 1},
        {"headers": 1},
        {"headers": [("a",)]},
        {"headers": {"a": 1}},
        {"headers": "text"},
        {"body": 1},
        {"body": ["model"]},
        {"body": circle},
        {"body": {"model": float("nan")}},
        {"body": {"model": object()}},
        {"claims": []},
        {"claims": circle},
        {"claims": {"a": object()}},
        {"token": b"x"},
        {"peer": 1},
        {"peer": "host"},
        {"unknown": 1},
    ]
    for arguments in wrong:
        with pytest.raises(TypeError):
            ask(**({"path": CHAT} | arguments))
    with pytest.raises(TypeError):
        ask()


def test_models_are_those_of_the_list(rules: Rules, provider: Provider) -> None:
    assert rules.models(claims=CLAIMS) == rules.models(token=provider.token()) == ["allowed"]
    assert rules.models(claims={"roles": ["other"]}) == rules.models(token="x") == rules.models() == []
    decision = rules.decide("/v1/models", "GET", claims=CLAIMS)
    assert [model["id"] for model in json.loads(decision.response_body or b"")["data"]] == ["allowed"]


def test_the_peer_is_the_source_in_policies(config: Path, tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "office.cedar").write_text(
        '@id("office")\nforbid (principal, action, resource) unless '
        '{ context has source && context.source.isInRange(ip("10.0.0.0/8")) };\n'
    )
    with Rules.from_file(config, policies) as rules:
        body = {"model": "allowed"}
        assert rules.decide(CHAT, claims=CLAIMS, body=body, peer="10.1.2.3")
        for peer in ["192.0.2.1", None]:
            decision = rules.decide(CHAT, claims=CLAIMS, body=body, peer=peer)
            assert not decision
            assert decision.policies == ("office",)


def test_no_credential_in_a_header_replaces_the_token(rules: Rules, provider: Provider) -> None:
    for other in [provider.token(), f"Bearer {provider.token()}"]:
        for name in ["authorization", "x-api-key", "api-key", "x-litellm-api-key", "x-goog-api-key"]:
            decision = rules.decide(CHAT, headers={name: other}, token="opaque", body={"model": "allowed"})
            assert (decision.status, decision.code) == (401, "invalid_api_key"), name


def test_text_with_surrogates_and_too_many_headers_are_denials(rules: Rules) -> None:
    broken = "\ud800"
    body = {"model": "allowed"}
    denied = [
        rules.decide("/" + broken, claims=CLAIMS, body=body),
        rules.decide(CHAT, broken, claims=CLAIMS, body=body),
        rules.decide(CHAT, headers={broken: "a"}, claims=CLAIMS, body=body),
        rules.decide(CHAT, headers={"a": broken}, claims=CLAIMS, body=body),
        rules.decide(CHAT, claims=CLAIMS, body=broken),
        rules.decide(CHAT, token=broken, body=body),
        rules.decide(CHAT, headers=[("a", "b")] * 40_000, claims=CLAIMS, body=body),
        rules.decide(CHAT, headers={f"x-{number}": "a" for number in range(40_000)}, claims=CLAIMS, body=body),
        rules.decide(CHAT, headers={f"x-{number}": "a" for number in range(24_575)}, claims=CLAIMS, body=body),
    ]
    for decision in denied:
        assert decision.status in (400, 431) and decision.code, decision
