"""The life of rules: reloads, threads, processes and the end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conftest import CONFIG, Provider
from modelgate_policy import ConfigError, Rules

CHAT = "/v1/chat/completions"
CLAIMS = {"roles": ["basic_user"]}
ALLOWED = {"model": "allowed"}
DENYING = CONFIG.replace("models: [allowed]", "models: [denied]")
INVALID = CONFIG.replace("role: internal_user", "role: no_such_role")
DEADLINE = 20


def poll(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_invalid_file_is_reported_with_its_place_and_help(config: Path) -> None:
    config.write_text(INVALID)
    with pytest.raises(ConfigError) as caught:
        Rules.from_file(config)
    text = str(caught.value)
    assert "unknown role `no_such_role`" in text
    assert f"{config}:6:14" in text
    assert "help: a role is" in text


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none.yaml"):
        Rules.from_file(tmp_path / "none.yaml")


def test_policies_that_do_not_fit_are_reported(config: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.cedar").write_text("permit (principal, action == Action::\"no_such\", resource);")
    with pytest.raises(ConfigError, match="wrong.cedar"):
        Rules.from_file(config, tmp_path)


def test_a_change_of_the_file_is_noticed(config: Path) -> None:
    with Rules.from_file(config) as rules:
        before = rules.decide(CHAT, claims=CLAIMS, body=ALLOWED)
        assert before and before.generation == rules.status()["generation"]
        config.write_text(DENYING)
        poll(lambda: not rules.decide(CHAT, claims=CLAIMS, body=ALLOWED))
        assert rules.models(claims=CLAIMS) == ["denied"]
        assert rules.status()["generation"] > before.generation
        assert rules.status()["reloads"] == 1


def test_invalid_files_leave_the_last_good_rules_in_place(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Rules.from_file(config) as rules, caplog.at_level(logging.INFO, "modelgate"):
        assert rules.last_error is None
        rules.start()
        config.write_text(INVALID)
        poll(lambda: rules.last_error)
        assert rules.decide(CHAT, claims=CLAIMS, body=ALLOWED)
        status = rules.status()
        assert status["failures"] == 1 and status["reloads"] == 0
        assert "no_such_role" in str(status["last_error"])
        assert time.time() - DEADLINE < (status["last_error_at"] or 0) <= time.time()
        assert any("the old rules stay active" in record.getMessage() for record in caplog.records)
        config.write_text(DENYING)
        poll(lambda: rules.last_error is None)
        assert not rules.decide(CHAT, claims=CLAIMS, body=ALLOWED)


def test_reload_reads_files_that_are_not_watched(config: Path) -> None:
    with Rules.from_file(config, watch=False) as rules:
        assert rules.reload() == "unchanged"
        config.write_text(INVALID)
        assert rules.reload() == "refused"
        config.write_text(DENYING)
        assert rules.reload() == "loaded"
        assert not rules.decide(CHAT, claims=CLAIMS, body=ALLOWED)


def test_closed_rules_decide_nothing(config: Path) -> None:
    with Rules.from_file(config) as rules:
        assert rules.decide(CHAT, claims=CLAIMS, body=ALLOWED)
    def decide() -> Any:
        return rules.decide(CHAT, claims=CLAIMS)

    uses: list[Callable[[], Any]] = [decide, rules.start, rules.status, rules.reload, rules.models]
    for use in uses:
        with pytest.raises(RuntimeError, match="closed"):
            use()
    rules.close()


def test_many_threads_decide_at_once_while_rules_change(config: Path) -> None:
    with Rules.from_file(config) as rules:
        seen: set[tuple[bool, str | None]] = set()
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                decision = rules.decide(CHAT, claims=CLAIMS, body=ALLOWED)
                seen.add((decision.allow, decision.code))

        def more_than(reloads: int) -> bool:
            return rules.status()["reloads"] > reloads

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for text in [DENYING, CONFIG] * 5:
                reloads = rules.status()["reloads"]
                config.write_text(text)
                poll(partial(more_than, reloads))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert seen == {(True, None), (False, "model_not_allowed")}


class SlowKeys(ThreadingHTTPServer):
    """Serves keys when it is told to."""

    def __init__(self, keys: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _SlowHandler)
        self.keys = keys
        self.go_on = threading.Event()
        self.asked = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _SlowHandler(BaseHTTPRequestHandler):
    server: SlowKeys

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.set()
        assert self.server.go_on.wait(DEADLINE)
        self.send_response(200)
        self.send_header("content-length", str(len(self.server.keys)))
        self.end_headers()
        self.wfile.write(self.server.keys)


@pytest.fixture
def slow(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> SlowKeys:
    server = SlowKeys(provider.file.read_bytes())
    monkeypatch.setenv("JWT_PUBLIC_KEY_URL", f"http://127.0.0.1:{server.server_port}/")
    return server


def test_a_first_token_waits_for_its_keys_and_other_threads_go_on(config: Path, provider: Provider, slow: SlowKeys) -> None:
    with Rules.from_file(config) as rules:
        decisions: list[bool] = []
        waiting = threading.Thread(
            target=lambda: decisions.append(rules.decide(CHAT, token=provider.token(), body=ALLOWED).allow)
        )
        waiting.start()
        assert slow.asked.wait(DEADLINE)
        assert rules.decide(CHAT, claims=CLAIMS, body=ALLOWED)
        assert decisions == []
        slow.go_on.set()
        waiting.join()
        assert decisions == [True]


def test_a_first_token_does_not_block_the_event_loop(config: Path, provider: Provider, slow: SlowKeys) -> None:
    async def run(rules: Rules) -> None:
        first = asyncio.create_task(rules.decide_async(CHAT, token=provider.token(), body=ALLOWED))
        assert await asyncio.to_thread(slow.asked.wait, DEADLINE)
        assert await rules.decide_async(CHAT, claims=CLAIMS, body=ALLOWED)
        assert not first.done()
        slow.go_on.set()
        assert await first

    with Rules.from_file(config) as rules:
        asyncio.run(run(rules))


# Processes of their own: a fork of the test program would inherit its threads.
FORK = """
import os, sys
from modelgate_policy import Rules

rules = Rules.from_file(sys.argv[1])
claims, allowed = {"roles": ["basic_user"]}, {"model": "allowed"}
before = sys.argv[2] == "used"
if before:
    assert rules.decide("/v1/chat/completions", claims=claims, body=allowed)
else:
    assert len(os.listdir("/proc/self/task")) == 1
child = os.fork()
assert rules.decide("/v1/chat/completions", claims=claims, body=allowed)
assert rules.decide("/v1/chat/completions", token=sys.argv[3], body=allowed), "keys"
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
import time
open(sys.argv[1], "w").write(sys.argv[4])
end = time.monotonic() + 20
while rules.decide("/v1/chat/completions", claims=claims, body=allowed):
    assert time.monotonic() < end
    time.sleep(0.01)
if sys.argv[5] == "close":
    rules.close()
"""


@pytest.mark.parametrize("state", ["used", "unused"])
@pytest.mark.parametrize("end", ["close", "exit"])
def test_a_forked_process_has_threads_of_its_own(config: Path, provider: Provider, state: str, end: str) -> None:
    command = [sys.executable, "-c", FORK, str(config), state, provider.token(), DENYING, end]
    subprocess.run(command, check=True, timeout=60)


LATER = """
import os, sys
from modelgate_policy import Rules

rules = Rules.from_file(sys.argv[1])
rules.start()
open(sys.argv[1], "w").write("general_settings: [")
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
decision = rules.decide("/v1/chat/completions", claims={"roles": ["basic_user"]}, body={"model": "allowed"})
assert (decision.allow, decision.status, decision.code) == (False, 503, "rules_unavailable")
assert b"general_settings" not in decision.response_body
open(sys.argv[1], "w").write(sys.argv[2])
assert rules.decide("/v1/chat/completions", claims={"roles": ["basic_user"]}, body={"model": "allowed"})
"""


def test_a_forked_process_denies_while_the_files_are_invalid(config: Path) -> None:
    subprocess.run([sys.executable, "-c", LATER, str(config), CONFIG], check=True, timeout=60)


def test_decisions_are_logged_as_configured(config: Path, tmp_path: Path) -> None:
    log = tmp_path / "decisions.jsonl"
    config.write_text(CONFIG + f"modelgate: {{decision_log: {{file: {log}}}}}\n")
    with Rules.from_file(config) as rules:
        decision = rules.decide(CHAT, claims=CLAIMS, body={"model": "denied"})
        poll(lambda: log.exists() and log.read_text().endswith("\n"))
        assert json.loads(log.read_text().splitlines()[0])["request_id"] == decision.request_id
        with pytest.raises(ConfigError), Rules.from_file(config) as second:
            second.start()


def test_the_working_directory_may_change(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(config.parent)
    with Rules.from_file(config.name) as rules:
        monkeypatch.chdir(os.sep)
        config.write_text(DENYING)
        assert rules.reload() == "loaded"
