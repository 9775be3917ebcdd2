"""What is measured beside throughput: each a table."""

import argparse
import contextlib
import socket
import statistics
import time

import inputs
from harness import Awake, status
from peers import UPSTREAM, Peer
from table import table
from throughput import bearer, check, wrk

IDLE = 1000
STARTS = 10


def latency(peers: list[Peer], upstream: int, chosen: argparse.Namespace) -> str:
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
    return table(["", *head, *(f"awake: {name}" for name in head)], rows, chosen.markdown)


def memory(peers: list[Peer], upstream: int, chosen: argparse.Namespace) -> str:
    """resident memory with connections that have had one answer each and are idle"""
    rows = []
    for peer in peers:
        with peer.start(upstream) as running:
            check(peer, running)
            request = request_of(peer)
            with Connections() as connections:
                sizes = []
                for _ in range(2):
                    connections.open(running.port, request, IDLE)
                    sizes.append(running.memory("VmRSS"))
        further = (sizes[1] - sizes[0]) / IDLE
        rows.append([peer.name, f"{sizes[0] / 2**20:,.1f}", f"{further / 1024:,.1f}"])
    return table(["", f"MiB with {IDLE:,}", "KiB for each further"], rows, chosen.markdown)


def start(peers: list[Peer], upstream: int, chosen: argparse.Namespace) -> str:
    """from the start of the process to its first answer to a request that it judges"""
    rows = []
    for peer in peers:
        token = bearer(peer, "one").read_text().strip()
        body = inputs.body(inputs.MODEL).encode()
        # The first start reads programs from the disk.
        times = [first_answer(peer, upstream, body, token) for _ in range(STARTS + 1)][1:]
        rows.append([peer.name, f"{statistics.median(times) * 1000:,.0f}", f"{max(times) * 1000:,.0f}"])
    return table(["", "ms", f"slowest of {STARTS}"], rows, chosen.markdown)


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
