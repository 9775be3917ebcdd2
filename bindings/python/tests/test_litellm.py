"""The plugin inside the real LiteLLM proxy, without a licence of LiteLLM."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets.asyncio.client
import websockets.exceptions
import websockets.sync.client
import websockets.sync.server

from conftest import AUDIENCE, Provider

HELLO = [{"role": "user", "content": "hello"}]
CHAT = "/v1/chat/completions"
MASTER_KEY = "sk-0123456789abcdef0123456789abcdef"
DEADLINE = 60

CONFIG = """
general_settings:
  enable_jwt_auth: true
  custom_auth: modelgate_policy.litellm.custom_auth
  litellm_jwtauth: {{user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}}
  role_permissions:
    - {{role: internal_user, models: [allowed, failing, stumbling, tumbling, slipping, alias, group-alias, voice]}}
litellm_settings:
  callbacks: [modelgate_policy.litellm.hooks]
  model_alias_map: {{alias: target}}
router_settings:
  num_retries: 0
  model_group_alias: {{group-alias: target}}
  fallbacks:
    - {{failing: [denied]}}
    - {{stumbling: [allowed]}}
    - {{tumbling: [wild/denied]}}
    - {{slipping: [id-of-denied]}}
model_list:
  - {{model_name: allowed, litellm_params: {{model: openai/allowed, api_key: sk-1, api_base: "{upstream}"}}}}
  - {{model_name: denied, litellm_params: {{model: openai/denied, api_key: sk-1, api_base: "{upstream}"}}}}
  - model_name: denied
    litellm_params: {{model: openai/denied, api_key: sk-1, api_base: "{upstream}"}}
    model_info: {{id: id-of-denied}}
  - {{model_name: "wild/*", litellm_params: {{model: "openai/*", api_key: sk-1, api_base: "{upstream}"}}}}
  - {{model_name: tumbling, litellm_params: {{model: openai/failing, api_key: sk-1, api_base: "{upstream}"}}}}
  - {{model_name: slipping, litellm_params: {{model: openai/failing, api_key: sk-1, api_base: "{upstream}"}}}}
  - {{model_name: target, litellm_params: {{model: openai/target, api_key: sk-1, api_base: "{upstream}"}}}}
  - {{model_name: failing, litellm_params: {{model: openai/failing, api_key: sk-1, api_base: "{upstream}"}}}}
  - {{model_name: stumbling, litellm_params: {{model: openai/failing, api_key: sk-1, api_base: "{upstream}"}}}}
  - {{model_name: voice, litellm_params: {{model: openai/voice, api_key: sk-1, api_base: "{realtime}"}}}}
"""


class Upstream(ThreadingHTTPServer):
    """Answers chats, and records the models that it gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.models: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def take(self) -> list[str]:
        taken, self.models = self.models, []
        return taken


class Handler(BaseHTTPRequestHandler):
    server: Upstream
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["content-length"] or 0))
        if "json" in self.headers["content-type"]:
            model = json.loads(text)["model"]
        else:
            model = "a form"
        self.server.models.append(model)
        message = {"role": "assistant", "content": "hi"}
        answer: dict[str, Any] = {"id": "c", "object": "chat.completion", "created": 1, "model": model, "text": "hi"}
        answer["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
        answer["usage"] = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        status = 200
        if model == "failing":
            status, answer = 500, {"error": {"message": "broken"}}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Realtime:
    """A realtime API that says hello."""

    def __init__(self) -> None:
        self.sessions = 0
        self.server = websockets.sync.server.serve(self._session, "127.0.0.1", 0)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _session(self, socket: websockets.sync.server.ServerConnection) -> None:
        self.sessions += 1
        socket.send(json.dumps({"type": "session.created", "session": {"id": "s"}}))
        for _ in socket:
            pass

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.socket.getsockname()[1]}/v1"


class Proxy:
    """A LiteLLM proxy with a configuration in a file."""

    def __init__(self, directory: Path, text: str, provider: Provider, **variables: str) -> None:
        self.provider = provider
        self.config = directory / "config.yaml"
        self.config.write_text(text)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = (directory / "log").open("w+")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LITELLM_LICENSE")}
        environment |= {"LITELLM_MASTER_KEY": MASTER_KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"} | variables
        environment |= {"JWT_PUBLIC_KEY_URL": provider.file.as_uri(), "JWT_AUDIENCE": AUDIENCE}
        program = [str(Path(sys.executable).with_name("litellm")), "--config", str(self.config)]
        command = [*program, "--host", "127.0.0.1", "--port", str(self.port), "--telemetry", "False"]
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=subprocess.STDOUT, cwd=directory)
        self.base = f"http://127.0.0.1:{self.port}"

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.said()
        try:
            return httpx.get(self.base + "/health/liveliness").status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.provider.token()}"}

    def post(self, path: str, json: Any = None, **more: Any) -> httpx.Response:
        return httpx.post(self.base + path, json=json, headers=self.headers(), timeout=DEADLINE, **more)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.base + path, headers=self.headers(), timeout=DEADLINE)

    def chat(self, model: str, **more: Any) -> httpx.Response:
        return self.post(CHAT, {"model": model, "messages": HELLO} | more)


def poll(what: str, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def realtime() -> Realtime:
    return Realtime()


@pytest.fixture(scope="module")
def server() -> Upstream:
    return Upstream()


@pytest.fixture(scope="module")
def text(server: Upstream, realtime: Realtime) -> str:
    return CONFIG.format(upstream=server.url, realtime=realtime.url)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, provider: Provider, text: str) -> Iterator[Proxy]:
    proxy = Proxy(tmp_path_factory.mktemp("proxy"), text, provider)
    try:
        poll("the start of the proxy", proxy.is_ready)
        yield proxy
    finally:
        proxy.stop()


@pytest.fixture
def upstream(server: Upstream) -> Upstream:
    server.take()
    return server


def assert_denied(answer: httpx.Response, status: int = 403, code: str = "model_not_allowed") -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code, answer.text


def test_an_allowed_request_arrives(proxy: Proxy, upstream: Upstream) -> None:
    answer = proxy.chat("allowed")
    assert answer.status_code == 200, answer.text
    assert upstream.take() == ["allowed"]


def test_a_denied_model_in_the_body_has_the_error_of_modelgate(proxy: Proxy, upstream: Upstream) -> None:
    answer = proxy.chat("denied")
    assert_denied(answer)
    error = answer.json()["error"]
    assert error["type"] == "permission_error"
    assert error["request_id"] == answer.headers["x-request-id"]
    assert upstream.take() == []


@pytest.mark.parametrize("path", ["/openai/deployments/denied/chat/completions", "/engines/denied/chat/completions"])
def test_a_denied_model_in_the_path(proxy: Proxy, upstream: Upstream, path: str) -> None:
    assert_denied(proxy.post(path, {"messages": HELLO}))
    assert upstream.take() == []


def test_an_allowed_model_in_the_path(proxy: Proxy, upstream: Upstream) -> None:
    answer = proxy.post("/openai/deployments/allowed/chat/completions", {"messages": HELLO})
    assert answer.status_code == 200, answer.text
    assert upstream.take() == ["allowed"]


def test_a_denied_model_in_the_query(proxy: Proxy, upstream: Upstream) -> None:
    assert proxy.post(f"{CHAT}?model=denied", {"model": "allowed", "messages": HELLO}).status_code in (400, 403)
    assert_denied(proxy.post(f"{CHAT}?model=denied", {"messages": HELLO}))
    assert upstream.take() == []


def test_a_denied_model_in_a_form(proxy: Proxy, upstream: Upstream) -> None:
    sound = {"file": ("a.wav", b"RIFF", "audio/wav")}
    assert_denied(proxy.post("/v1/audio/transcriptions", data={"model": "denied"}, files=sound))
    assert upstream.take() == []
    answer = proxy.post("/v1/audio/transcriptions", data={"model": "allowed"}, files=sound)
    assert answer.status_code == 200, answer.text
    assert upstream.take() == ["a form"]


def test_a_denied_model_in_a_line_of_a_batch_file(proxy: Proxy, upstream: Upstream) -> None:
    line = {"custom_id": "1", "method": "POST", "url": CHAT, "body": {"model": "denied", "messages": HELLO}}
    files = {"file": ("b.jsonl", json.dumps(line).encode(), "application/jsonl")}
    assert_denied(proxy.post("/v1/files", data={"purpose": "batch"}, files=files))
    assert upstream.take() == []


def test_a_denied_fallback_of_the_request(proxy: Proxy, upstream: Upstream) -> None:
    assert_denied(proxy.chat("allowed", fallbacks=["denied"]))
    assert upstream.take() == []


def test_a_fallback_of_the_configuration_is_tried_only_for_a_caller_who_may_use_it(proxy: Proxy, upstream: Upstream) -> None:
    for model in ["failing", "tumbling", "slipping"]:
        answer = proxy.chat(model)
        assert answer.status_code >= 400, answer.text
        assert upstream.take() == ["failing"], model
    answer = proxy.chat("stumbling")
    assert answer.status_code == 200, answer.text
    assert upstream.take() == ["failing", "allowed"]


@pytest.mark.parametrize("alias", ["alias", "group-alias"])
def test_an_alias_is_decided_by_its_own_name(proxy: Proxy, upstream: Upstream, alias: str) -> None:
    assert_denied(proxy.chat("target"))
    answer = proxy.chat(alias)
    assert answer.status_code == 200, answer.text
    assert upstream.take() == ["target"]


@pytest.mark.parametrize(("path", "key"), [("/v1/models", "id"), ("/model/info", "model_name"), ("/model_group/info", "model_group")])
def test_lists_have_the_models_of_the_caller(proxy: Proxy, path: str, key: str) -> None:
    answer = proxy.get(path)
    assert answer.status_code == 200, answer.text
    names = {model[key] for model in answer.json()["data"]}
    assert "allowed" in names
    assert not names & {"denied", "target"}


def test_a_model_that_the_caller_may_not_use_does_not_exist(proxy: Proxy) -> None:
    assert proxy.get("/v1/models/allowed").status_code == 200
    assert proxy.get("/v1/models/denied").status_code in (403, 404)


def test_an_invalid_credential_is_refused(proxy: Proxy, upstream: Upstream) -> None:
    body = {"model": "allowed", "messages": HELLO}
    expired, other = proxy.provider.token(lifetime=-60), proxy.provider.token(aud="other")
    for token in [expired, other, "sk-unknown", proxy.provider.token()[:-4] + "AAAA"]:
        answer = httpx.post(proxy.base + CHAT, json=body, headers={"authorization": f"Bearer {token}"}, timeout=DEADLINE)
        assert_denied(answer, 401, "invalid_api_key")
        assert "invalid_token" in answer.headers["www-authenticate"]
    assert httpx.post(proxy.base + CHAT, json=body, timeout=DEADLINE).status_code == 401
    assert upstream.take() == []


def test_only_an_admin_may_manage_the_proxy(proxy: Proxy) -> None:
    assert_denied(proxy.post("/key/generate", {}), 403, "permission_denied")
    admin = {"authorization": f"Bearer {MASTER_KEY}"}
    assert httpx.get(proxy.base + "/v1/models", headers=admin, timeout=DEADLINE).json()["data"]


def test_a_path_below_a_mounted_application_is_judged_as_a_whole(proxy: Proxy) -> None:
    listed = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accepted = proxy.headers() | {"accept": "application/json, text/event-stream"}
    below = {path: httpx.post(proxy.base + path, json=listed, headers=accepted, timeout=DEADLINE) for path in ["/mcp", "/mcp/"]}
    assert {path: answer.status_code for path, answer in below.items()} == {"/mcp": 200, "/mcp/": 200}
    # Without its beginning, this would be the path of a list that everybody may ask for.
    assert proxy.get("/mcp/v1/models").status_code == 403


def test_only_trusted_proxies_say_where_a_request_comes_from(tmp_path: Path, provider: Provider, text: str) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    office = 'context has source && context.source.isInRange(ip("10.0.0.0/8"))'
    (policies / "office.cedar").write_text(f'@id("office")\nforbid (principal, action, resource) unless {{ {office} }};\n')
    untrusted = f"{text}\nmodelgate: {{policies: policies}}\n"
    proxy = Proxy(tmp_path, untrusted, provider, FORWARDED_ALLOW_IPS="")
    claimed = proxy.headers() | {"x-forwarded-for": "10.1.2.3"}

    def status() -> int:
        return httpx.get(proxy.base + "/v1/models", headers=claimed, timeout=DEADLINE).status_code

    try:
        poll("the start of the proxy", proxy.is_ready)
        assert status() == 403
        proxy.config.write_text(f"{text}\nmodelgate: {{policies: policies, trusted_proxies: [127.0.0.1]}}\n")
        poll("the permission", lambda: status() == 200)
    finally:
        proxy.stop()


def test_a_body_that_two_readers_read_differently_is_refused(proxy: Proxy, upstream: Upstream) -> None:
    for body in [b'{"model": "allowed", "model": "denied"}', b'{"model": "allowed"']:
        headers = proxy.headers() | {"content-type": "application/json"}
        assert httpx.post(proxy.base + CHAT, content=body, headers=headers, timeout=DEADLINE).status_code == 400
    assert upstream.take() == []


async def _first_event(url: str, headers: dict[str, str]) -> Any:
    async with websockets.asyncio.client.connect(url, additional_headers=headers, proxy=None) as socket:
        return json.loads(await asyncio.wait_for(socket.recv(), DEADLINE))


def test_a_websocket_is_judged_by_the_model_in_its_url(proxy: Proxy, realtime: Realtime) -> None:
    url = f"ws://127.0.0.1:{proxy.port}/v1/realtime?model="
    for model in ["denied", "target"]:
        with pytest.raises((websockets.exceptions.InvalidStatus, websockets.exceptions.ConnectionClosed)):
            asyncio.run(_first_event(url + model, proxy.headers()))
    assert realtime.sessions == 0
    assert asyncio.run(_first_event(url + "voice", proxy.headers()))["type"] == "session.created"
    assert realtime.sessions == 1


def test_a_websocket_whose_messages_name_the_model_is_denied(proxy: Proxy) -> None:
    with pytest.raises((websockets.exceptions.InvalidStatus, websockets.exceptions.ConnectionClosed)):
        asyncio.run(_first_event(f"ws://127.0.0.1:{proxy.port}/v1/responses?model=allowed", proxy.headers()))


def test_rules_are_reloaded_without_a_restart(proxy: Proxy, upstream: Upstream, text: str) -> None:
    before = proxy.process.pid
    try:
        proxy.config.write_text(text.replace("models: [allowed,", "models: [denied,"))
        poll("the denial", lambda: proxy.chat("allowed").status_code == 403)
        assert proxy.chat("denied").status_code == 200
        proxy.config.write_text("general_settings: [")
        poll("the message", lambda: "the old rules stay active" in proxy.said())
        assert proxy.chat("denied").status_code == 200
    finally:
        proxy.config.write_text(text)
    poll("the permission", lambda: proxy.chat("allowed").status_code == 200)
    assert proxy.process.pid == before and proxy.process.poll() is None
    upstream.take()


def test_a_proxy_with_invalid_rules_does_not_start(tmp_path: Path, provider: Provider, text: str) -> None:
    proxy = Proxy(tmp_path, text.replace("role: internal_user", "role: no_such_role"), provider)
    try:
        assert proxy.process.wait(DEADLINE) != 0
        assert "unknown role `no_such_role`" in proxy.said()
        assert f"{proxy.config}:7:" in proxy.said()
    finally:
        proxy.stop()
