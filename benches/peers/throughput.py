"""Requests per second, and the processor time of each."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import inputs
from harness import HERE, Running, status
from peers import MODELGATE, Peer
from table import table

TOKENS = {"one": "one", "many": f"{inputs.TOKENS:,} in turn", "new": "each new", "new-es256": "each new, ES256",
          "new-eddsa": "each new, EdDSA"}
# What one token costs beside the rest of a request: the whole verification, and the signature alone.
STAGES = {"RS256": "", "ES256": "_es256", "EdDSA": "_eddsa"}
CONNECTIONS = 32
VERIFIED = 10_000


@dataclass(frozen=True)
class Load:
    per_second: float
    p50_us: float
    p99_us: float
    user_us: float
    system_us: float
    peak_bytes: int

    @property
    def cpu_us(self) -> float:
        return self.user_us + self.system_us


def throughput(peers: list[Peer], upstream: int, chosen: argparse.Namespace) -> str:
    """32 connections, one worker thread; the round with the least processor time for a request counts"""
    runs = [(peer, tokens) for tokens in TOKENS for peer in peers if has_row(peer, tokens)]
    best: dict[tuple[str, str], Load] = {}
    for _ in range(chosen.rounds):
        for peer, tokens in runs:
            with peer.start(upstream) as running:
                check(peer, running)
                is_new = tokens.startswith("new")
                seen = load(peer, running, tokens, min(chosen.seconds, inputs.NEW_SECONDS) if is_new else chosen.seconds)
            print(f"{peer.name}, {TOKENS[tokens]}: {seen}", file=sys.stderr)
            best[peer.name, tokens] = min(seen, best.get((peer.name, tokens), seen), key=lambda load: load.cpu_us)

    floor = best.get(("nginx", "one"))
    rows = []
    for peer, tokens in runs:
        seen = best[peer.name, tokens]
        ratio = f"{seen.cpu_us / floor.cpu_us:.2f}" if floor else ""
        rows.append([f"{peer.name} {peer.installed()}", TOKENS[tokens], f"{seen.per_second:,.0f}",
                     f"{seen.p50_us:,.0f}", f"{seen.p99_us:,.0f}", f"{seen.cpu_us:,.1f}", f"{seen.system_us:,.1f}", ratio,
                     f"{seen.peak_bytes / 2**20:,.1f}"])
    head = ["", "tokens", "requests/s", "p50 µs", "p99 µs", "CPU µs/request", "in the kernel", "of nginx", "peak MiB"]
    alone = "".join(f"\n\nOne {name} token alone: {stage('verify' + of):.1f} µs of CPU, of which its signature {stage('raw' + of):.1f}."
                    for name, of in STAGES.items()) if MODELGATE in peers else ""
    return table(head, rows, chosen.markdown) + alone


def has_row(peer: Peer, tokens: str) -> bool:
    """Who decides nothing does not know new tokens from others, and HAProxy and Envoy are set up for RS256."""
    match tokens:
        case "one":
            return True
        case "many":
            return peer.decides != "key"
        case "new":
            return peer.decides == "tokens"
        case _:
            return peer is MODELGATE


def stage(name: str) -> float:
    """What a stage of `hot_path` costs, in µs."""
    def spent(times: int) -> float:
        before = os.times()
        subprocess.run([inputs.built("bench", "hot_path"), name, str(times)], check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    return (spent(VERIFIED) - spent(0)) * 1e6 / VERIFIED


def check(peer: Peer, running: Running) -> None:
    """Ends the run if the peer does not decide as modelgate does; what it decides otherwise cannot be compared."""
    tokens = inputs.tokens()
    expected = [(inputs.MODEL, "one", {200})]
    if peer.decides == "tokens":
        expected += [(inputs.OTHER_MODEL, "one", {403}), (inputs.MODEL, "other-role", {403}),
                     (inputs.MODEL, "other-key", {401, 403})]
    for model, name, right in expected:
        token = inputs.KEY if peer.decides == "key" else (tokens / name).read_text().strip()
        got = status(running.port, inputs.body(model).encode(), token)
        if got not in right:
            fail(peer, running, f"{model} with the token `{name}` got {got} instead of {right}")


def load(peer: Peer, running: Running, tokens: str, seconds: float) -> Load:
    file = bearer(peer, tokens)
    # The first requests open connections and fetch keys.
    wrk(running.port, file, 1, CONNECTIONS)
    before = running.cpu()
    seen = wrk(running.port, file, seconds, CONNECTIONS)
    user, system = (after - then for after, then in zip(running.cpu(), before))
    if seen["failed"] or not seen["requests"]:
        fail(peer, running, f"under load: {seen}")
    us = 1e6 / seen["requests"]
    return Load(seen["requests"] / seen["seconds"], seen["p50"], seen["p99"], user * us, system * us,
                running.memory("VmHWM"))


def bearer(peer: Peer, tokens: str) -> Path:
    """The file of what the peer's callers send."""
    if peer.decides != "key":
        return inputs.tokens() / tokens
    file = inputs.SCRATCH / "key"
    file.write_text(inputs.KEY + "\n")
    return file


def wrk(port: int, tokens: Path, seconds: float, connections: int) -> dict:
    body = inputs.SCRATCH / "body.json"
    body.write_text(inputs.body(inputs.MODEL))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "-s", HERE / "load.lua",
               f"http://127.0.0.1:{port}/v1/chat/completions", "--", body, tokens]
    out = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def fail(peer: Peer, running: Running, what: str) -> None:
    raise SystemExit(f"{peer.name}: {what}\n{running.log.read_text()[-2000:]}")
