"""How long a large configuration takes to be in force, and how long traffic waits for it."""

import argparse
import http.client
import json
import os
import statistics
import threading
import time
from pathlib import Path

import inputs
from harness import Running, free_port, status
from peers import MODELGATE, Peer, modelgate_env
from table import table
from targets import Report, at_most

MODELS, POLICIES, RELOADS = 10_000, 1_000, 5
MOST_MS, MOST_STALL_MS = 100, 5


def reload(_: list[Peer], upstream: int, chosen: argparse.Namespace) -> Report:
    """10,000 models and 1,000 policies, by `POST /-/reload`, with one caller who asks again and again"""
    folder = inputs.SCRATCH / "run/reload"
    (folder / "policies").mkdir(parents=True, exist_ok=True)
    write(folder, upstream, 0)
    port, admin = free_port(), free_port()
    argv = [inputs.built("bin", "modelgate"), "serve", "--config", folder / "config.yaml",
            "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
    with Running(argv, port, folder / "log", modelgate_env()) as running:
        running.ready()
        caller = Caller(port)
        before = caller.slowest_while(lambda: time.sleep(2))
        times, stalls = [], []
        for version in range(1, RELOADS + 1):
            write(folder, upstream, version)
            begun = time.perf_counter()
            stall = caller.slowest_while(lambda: reload_now(admin))
            times.append((caller.ended - begun) * 1000)
            stalls.append(stall * 1000)
    rows = [[f"reload {number}", f"{ms:,.0f}", f"{stall:,.1f}"] for number, (ms, stall) in enumerate(zip(times, stalls), 1)]
    rows.insert(0, ["none, 2 s", "", f"{before * 1000:,.1f}"])
    what = f"reload of {MODELS:,} models and {POLICIES:,} policies"
    verdicts = [at_most(f"{what}, median", statistics.median(times), MOST_MS, "ms", 0, f"{min(times):.0f} to {max(times):.0f}"),
                at_most(f"{what}, the slowest answer meanwhile", max(stalls), MOST_STALL_MS, "ms", 1,
                        f"without a reload {before * 1000:.1f}")]
    return table([MODELGATE.name, "ms", "slowest answer ms"], rows, chosen.markdown), verdicts


def write(folder: Path, upstream: int, version: int) -> None:
    """Writes the files aside and moves them into their places, as careful tools do."""
    names = [inputs.MODEL, *(f"model-{number}" for number in range(MODELS - 1))]
    params = {"model": "openai/gpt-4o", "api_base": f"http://127.0.0.1:{upstream}/v1"}
    config = {
        "general_settings": {
            "enable_jwt_auth": True,
            "litellm_jwtauth": {"user_roles_jwt_field": "roles", "user_allowed_roles": [inputs.ROLE],
                                "enforce_rbac": True},
            "role_permissions": [{"role": "internal_user", "models": names}],
        },
        "model_list": [{"model_name": name, "litellm_params": params} for name in names],
        "modelgate": {"policies": "policies"},
    }
    policies = "".join(
        f'forbid (principal, action == Action::"use_model", resource == Model::"model-{number}")\n'
        f'when {{ context.tools > {version} }};\n' for number in range(POLICIES))
    for file, text in [(folder / "policies/all.cedar", policies), (folder / "config.yaml", block(config) + "\n")]:
        aside = file.with_suffix(".new")
        aside.write_text(text)
        os.replace(aside, file)


def block(value: object, indent: str = "") -> str:
    """YAML as people write it, each key and each item on a line."""
    if isinstance(value, dict):
        lines = [f"{key}:{inner(item, indent + '  ')}" for key, item in value.items()]
        return f"\n{indent}".join(lines)
    if isinstance(value, list):
        return f"\n{indent}".join(f"- {block(item, indent + '  ')}" for item in value)
    return json.dumps(value)


def inner(value: object, indent: str) -> str:
    return f"\n{indent}{block(value, indent)}" if isinstance(value, dict | list) else f" {block(value)}"


def reload_now(admin: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", admin, timeout=60)
    connection.request("POST", "/-/reload")
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"the reload got {answer.status}: {text}")


class Caller:
    """Asks again and again on one connection, while something else happens."""

    def __init__(self, port: int) -> None:
        self.port, self.ended = port, 0.0
        self.body = inputs.body(inputs.MODEL).encode()
        token = (inputs.tokens() / "one").read_text().strip()
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        assert status(port, self.body, token) == 200

    def slowest_while(self, something) -> float:
        """The longest wait for an answer."""
        slowest, stop = [0.0], threading.Event()

        def ask() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            while not stop.is_set():
                begun = time.perf_counter()
                connection.request("POST", "/v1/chat/completions", self.body, self.headers)
                answer = connection.getresponse()
                answer.read()
                slowest.append(time.perf_counter() - begun if answer.status == 200 else float("inf"))
            connection.close()

        thread = threading.Thread(target=ask)
        thread.start()
        something()
        self.ended = time.perf_counter()
        stop.set()
        thread.join()
        return max(slowest)
