"""Requests per second, and the processor time of each."""

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import inputs
from harness import HERE, Running, status
from peers import MODELGATE, Peer
from table import table
from targets import Report, Verdict, at_most

TOKENS = {"one": "one", "new": "each new"}
CONNECTIONS = 32
VERIFIED = 20_000
# The targets of one token beside nginx and Envoy, and of new tokens beside HAProxy and a verification alone.
OF_NGINX, OF_ENVOY, OF_HAPROXY, OF_RAW = 1.15, 0.25, 0.80, 1.25


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


def throughput(peers: list[Peer], upstream: int, chosen: argparse.Namespace) -> Report:
    """32 connections, one worker thread; the round with the least processor time for a request counts"""
    runs = [(peer, tokens) for tokens in TOKENS for peer in peers if tokens == "one" or peer.decides == "tokens"]
    best: dict[tuple[str, str], Load] = {}
    for _ in range(chosen.rounds):
        for peer, tokens in runs:
            with peer.start(upstream) as running:
                check(peer, running)
                seen = load(peer, running, tokens, chosen.seconds)
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
    text = table(head, rows, chosen.markdown)
    if MODELGATE not in peers:
        return text, []
    token, raw = alone("verify", chosen.rounds), alone("raw_rs256", chosen.rounds)
    text += f"\n\nTo verify one token alone: {token:.1f} µs of CPU; its signature with a parsed key: {raw:.1f} µs."
    return text, judged({run: load.cpu_us for run, load in best.items()}, raw)


def judged(us: dict[tuple[str, str], float], raw: float) -> list[Verdict]:
    one, new = "CPU per request, one token", "CPU per request, each token new, RS256"
    verdicts = []
    for figure, tokens, other, bound in [(new, "new", "haproxy", OF_HAPROXY), (one, "one", "nginx", OF_NGINX),
                                         (one, "one", "envoy", OF_ENVOY)]:
        if (other, tokens) in us:
            ours, theirs = us["modelgate", tokens], us[other, tokens]
            verdicts.append(at_most(figure, ours / theirs, bound, f"of {other}", note=f"{ours:.1f} of {theirs:.1f} µs"))
    verdicts.insert(0, beside_raw(new, us["modelgate", "new"], us["modelgate", "one"], raw))
    return verdicts


def beside_raw(figure: str, new: float, one: float, raw: float) -> Verdict:
    """The verdict on new tokens: a request with a known one, and a verification alone."""
    return at_most(figure, new, one + OF_RAW * raw, "µs", 1, f"one token {one:.1f}, a signature alone {raw:.1f}")


def alone(stage: str, rounds: int) -> float:
    """What a stage of `hot_path` costs, in µs; the best of several rounds counts."""
    def spent(times: int) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([inputs.built("bench", "hot_path"), stage, str(times)], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(spent(VERIFIED) - spent(0) for _ in range(rounds)) * 1e6 / VERIFIED


def check(peer: Peer, running: Running) -> None:
    """Ends the run if the peer does not decide as modelgate does; what it decides otherwise cannot be compared."""
    tokens = inputs.tokens(peer.algorithm)
    expected = [(inputs.MODEL, "one", {200})]
    if peer.decides == "tokens":
        expected += [(inputs.OTHER_MODEL, "one", {403}), (inputs.MODEL, "other-role", {403}),
                     (inputs.MODEL, "other-key", {401, 403})]
    for model, name, right in expected:
        token = inputs.KEY if peer.decides == "key" else (tokens / name).read_text().strip()
        got = status(running.port, inputs.body(model).encode(), token)
        if got not in right:
            fail(peer, running, f"{model} with the token `{name}` got {got} instead of {right}")


def load(peer: Peer, running: Running, tokens: str, seconds: float, bodies: Path | None = None) -> Load:
    # The first requests open connections and fetch keys. The other tokens and bodies stay unknown.
    wrk(running.port, bearer(peer, "one"), 1, CONNECTIONS)
    before = running.cpu()
    if tokens == "new":
        seconds = min(seconds, inputs.NEW_SECONDS)
    seen = wrk(running.port, bearer(peer, tokens), seconds, CONNECTIONS, bodies)
    user, system = (after - then for after, then in zip(running.cpu(), before))
    if seen["failed"] or not seen["requests"]:
        fail(peer, running, f"under load: {seen}")
    us = 1e6 / seen["requests"]
    return Load(seen["requests"] / seen["seconds"], seen["p50"], seen["p99"], user * us, system * us,
                running.memory("VmHWM"))


def bearer(peer: Peer, tokens: str) -> Path:
    """The file of what the peer's callers send."""
    if peer.decides != "key":
        return inputs.tokens(peer.algorithm) / tokens
    file = inputs.SCRATCH / "key"
    file.write_text(inputs.KEY + "\n")
    return file


def wrk(port: int, tokens: Path, seconds: float, connections: int, bodies: Path | None = None) -> dict:
    """The load of the tokens and the bodies of files in turn; with the same body each time unless there are some."""
    if not bodies:
        bodies = inputs.SCRATCH / "body.json"
        bodies.write_text(inputs.body(inputs.MODEL))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "-s", HERE / "load.lua",
               f"http://127.0.0.1:{port}/v1/chat/completions", "--", bodies, tokens]
    out = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def fail(peer: Peer, running: Running, what: str) -> None:
    raise SystemExit(f"{peer.name}: {what}\n{running.log.read_text()[-2000:]}")
