"""LiteLLM's recorded requests are answered as recorded: in Python, and by the plugin inside the real LiteLLM proxy.

`tests/gateway/doors_recorded.rs` sends them through the other doors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import Provider
from modelgate_policy import Decision, Rules
from test_litellm import DEADLINE, HELLO, Proxy, Upstream, poll

ROOT = Path(__file__).parents[3]
GROUPS = [json.loads(line) for line in (ROOT / "tests/conformance/decisions.jsonl").read_text().splitlines()]

# What a request needs besides its model to arrive at the upstream of LiteLLM.
BODIES: dict[str, dict[str, Any]] = {
    "/chat/completions": {"messages": HELLO},
    "/v1/chat/completions": {"messages": HELLO},
    "/v1/embeddings": {"input": "hello"},
}


def expected(case: dict[str, Any]) -> dict[str, Any]:
    expect = case["expect"]
    names = ("role", "user_id", "team_id") if expect["allow"] else ("status", "rule")
    return {"allow": expect["allow"]} | {name: expect[name] for name in names}


def request(case: dict[str, Any]) -> dict[str, Any]:
    return {"method": case["method"], "headers": case.get("headers", {}), "claims": case["claims"]}


def decided(decision: Decision) -> dict[str, Any]:
    grounds: dict[str, Any]
    if decision:
        grounds = {"role": decision.role, "user_id": decision.user_id, "team_id": decision.team_id}
    else:
        # No rule denies a request that cannot be judged.
        grounds = {"status": decision.status, "rule": decision.rule if decision.status == 403 else "D2.no_model"}
    return {"allow": decision.allow} | grounds


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group["group"])
def test_every_recorded_request_is_decided_as_recorded(tmp_path: Path, group: dict[str, Any]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(group["config"]))
    with Rules.from_file(file, watch=False) as rules:
        for case in group["cases"]:
            bodies: list[Any] = [case["body"]] if case["body"] else [{}, b""]
            for body in bodies:
                assert decided(rules.decide(case["path"], body=body, **request(case))) == expected(case), case


def test_the_plugin_answers_recorded_requests_as_recorded(tmp_path: Path) -> None:
    """One proxy, because each start takes seconds: its plugin reads the rules of every eighth group, one after the other.

    Chats and embeddings are sent, whose models the upstream of the test records. LiteLLM takes a name with `*` in its
    `model_list` for a pattern, so these models are left out.
    """
    upstream, rules = Upstream(), tmp_path / "rules.yaml"
    sample = [(group["config"], [case for case in group["cases"] if is_sent(case)]) for group in GROUPS[::8]]
    models = {case["body"]["model"] for _, cases in sample for case in cases if case["body"]}
    rules.write_text(json.dumps(sample[0][0]))
    proxy = Proxy(tmp_path, proxy_config(models, upstream), Provider(tmp_path), MODELGATE_CONFIG=str(rules))
    allowed, denied = 0, 0
    try:
        poll("the start of the proxy", proxy.is_ready)
        for config, cases in sample:
            rules.write_text(json.dumps(config))
            # Written after the rules. So a token of this key is valid only by rules that are not older.
            proxy.provider = Provider(tmp_path)
            poll("the reload", lambda: proxy.get("/v1/models").status_code != 401)
            with Rules.from_file(rules, watch=False) as known:
                codes = [known.decide(case["path"], body=case["body"], **request(case)).code for case in cases]
            for case, code in zip(cases, codes):
                answer = send(proxy, case)
                if case["expect"]["allow"]:
                    assert upstream.take() == [case["body"]["model"]], (case, answer.text)
                    allowed += 1
                else:
                    assert answer.status_code == case["expect"]["status"], (case, answer.text)
                    error = answer.json()["error"]
                    assert (error["code"], error["request_id"]) == (code, answer.headers["x-request-id"]), case
                    assert upstream.take() == []
                    denied += 1
    finally:
        proxy.stop()
    assert allowed > 10 and denied > 50, (allowed, denied)


def is_sent(case: dict[str, Any]) -> bool:
    return case["path"] in BODIES and "*" not in case["body"].get("model", "")


def proxy_config(models: set[str], upstream: Upstream) -> str:
    served = {"api_key": "sk-1", "api_base": upstream.url}
    config = {
        "general_settings": {"custom_auth": "modelgate_policy.litellm.custom_auth"},
        "litellm_settings": {"callbacks": ["modelgate_policy.litellm.hooks"]},
        "router_settings": {"num_retries": 0},
        "model_list": [
            {"model_name": model, "litellm_params": served | {"model": f"openai/{model}"}} for model in sorted(models)
        ],
    }
    return json.dumps(config)


def send(proxy: Proxy, case: dict[str, Any]) -> httpx.Response:
    headers = case.get("headers", {}) | {"authorization": f"Bearer {proxy.provider.sign(case['claims'])}"}
    body = BODIES[case["path"]] | case["body"]
    return httpx.post(proxy.base + case["path"], json=body, headers=headers, timeout=DEADLINE)
