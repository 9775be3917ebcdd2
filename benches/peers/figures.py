"""What is measured beside throughput: each a table."""

import argparse
import contextlib
import socket
import statistics
import time

import inputs
from harness import Awake, Running, status
from peers import MODELGATE, UPSTREAM, Peer
from table import table
from targets import Report, at_most
from throughput import CONNECTIONS, bearer, check, wrk

IDLE = 1000
# A server may keep buffers for a while, and give them back when nothing happens.
QUIET_SECONDS = 10
# The targets of memory: KiB for a connection, MiB with all of them, MiB after 20,000 tokens.
PER_CONNECTION, WITH_CONNECTIONS, WITH_TOKENS = 12, 24, 24
STARTS = 10


def latency(peers: list[Peer], upstream: int, chosen: argparse.Namespace) -> Report:
    """one connection, one request at a time; the round with the lowest median counts"""
    best: dict[tuple[str, bool], tuple[float, float]] = {}
    for _ in range(chosen.rounds):
        for peer in [UPSTREAM, *peers]:
            with peer.start(upstream) as running:
                check(peer, running)
                tokens = bearer(peer, "one")
                wrk(running.port, tokens, 1, 1)
                for awake in [False, True]:
                    with Awake() if awake else contextlib.nullcontext():
                        seen = wrk(running.port, tokens, chosen.seconds, 1)
                    figures = seen["p50"], seen["p99"]
                    best[peer.name, awake] = min(figures, best.get((peer.name, awake), figures))
    rows = []
    for peer in [UPSTREAM, *peers]:
        row = [peer.name]
        for awake in [False, True]:
            p50, p99 = best[peer.name, awake]
            bare = best.get(("bare hyper", awake))
            row += [f"{p50:,.0f}", f"{p99:,.0f}", f"{p99 / p50:.1f}", f"{p50 / bare[0]:.2f}" if bare else ""]
        rows.append(row)
    head = ["p50 µs", "p99 µs", "p99 of p50", "p50 of bare hyper"]
    return table(["", *head, *(f"awake: {name}" for name in head)], rows, chosen.markdown), []


def memory(peers: list[Peer], upstream: int, chosen: argparse.Namespace) -> Report:
    """resident memory after ten idle seconds: with connections that have had one answer each, and after 20,000 tokens"""
    rows, verdicts = [], []
    for peer in peers:
        with peer.start(upstream) as running:
            check(peer, running)
            request = request_of(peer)
            with Connections() as connections:
                sizes = []
                for _ in range(2):
                    connections.open(running.port, request, IDLE)
                    sizes.append(when_quiet(running))
                connections.must_be_open()
        first, further = sizes[0] / 2**20, (sizes[1] - sizes[0]) / IDLE / 1024
        tokens = with_tokens(peer, upstream) / 2**20 if peer.decides == "tokens" else None
        rows.append([peer.name, f"{first:,.1f}", f"{further:,.1f}", f"{tokens:,.1f}" if tokens else ""])
        if peer is MODELGATE:
            verdicts = [at_most("memory for each idle connection", further, PER_CONNECTION, "KiB", 1),
                        at_most(f"memory with {IDLE:,} idle connections", first, WITH_CONNECTIONS, "MiB", 1),
                        at_most(f"memory after {inputs.TOKENS:,} tokens", tokens, WITH_TOKENS, "MiB", 1)]
    head = ["", f"MiB with {IDLE:,}", "KiB for each further", f"MiB after {inputs.TOKENS:,} tokens"]
    return table(head, rows, chosen.markdown), verdicts


def when_quiet(running: Running) -> int:
    time.sleep(QUIET_SECONDS)
    running.must_live()
    return running.memory("VmRSS")


def with_tokens(peer: Peer, upstream: int) -> int:
    """The memory after each of the tokens has been in a request."""
    with peer.start(upstream) as running:
        check(peer, running)
        seconds, requests = 2, 0
        # wrk sends the tokens in turn, and is told how long, not how many.
        while requests < inputs.TOKENS:
            seen = wrk(running.port, bearer(peer, "many"), seconds, CONNECTIONS)
            if seen["failed"]:
                raise SystemExit(f"{peer.name}: {seen}")
            seconds, requests = seconds * 2, seen["requests"]
        return when_quiet(running)


def start(peers: list[Peer], upstream: int, chosen: argparse.Namespace) -> Report:
    """from the start of the process to its first answer to a request that it judges"""
    rows = []
    for peer in peers:
        token = bearer(peer, "one").read_text().strip()
        body = inputs.body(inputs.MODEL).encode()
        # The first start reads programs from the disk.
        times = [first_answer(peer, upstream, body, token) for _ in range(STARTS + 1)][1:]
        rows.append([peer.name, f"{statistics.median(times) * 1000:,.0f}", f"{max(times) * 1000:,.0f}"])
    return table(["", "ms", f"slowest of {STARTS}"], rows, chosen.markdown), []


def first_answer(peer: Peer, upstream: int, body: bytes, token: str) -> float:
    begun = time.perf_counter()
    with peer.start(upstream, wait=False) as running:
        while time.perf_counter() - begun < 60:
            try:
                if status(running.port, body, token) == 200:
                    return time.perf_counter() - begun
            except OSError:
                pass
            running.must_live()
            time.sleep(0.0005)
    raise SystemExit(f"{peer.name} did not answer")


def request_of(peer: Peer) -> bytes:
    """A request as bytes."""
    body, token = inputs.body(inputs.MODEL), bearer(peer, "one").read_text().strip()
    head = ("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n")
    return (head + body).encode()


class Connections:
    """Connections that stay open until the end of the `with`."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []

    def __enter__(self) -> "Connections":
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.sockets:
            connection.close()

    def open(self, port: int, request: bytes, count: int) -> None:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), 60)
            self.sockets.append(connection)
            connection.sendall(request)
            answer = connection.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"a connection got {answer[:200]!r}")

    def must_be_open(self) -> None:
        """Ends the run if a peer has closed one: what it has closed takes no memory."""
        for connection in self.sockets:
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                raise SystemExit(f"a peer closed an idle connection, or sent {connection.recv(100)!r}")
