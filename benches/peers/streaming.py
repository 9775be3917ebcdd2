"""How late a piece of a stream arrives, with a thousand streams open at once."""

import argparse
import contextlib
import gc
import select
import socket
import statistics
import time

from figures import request_of
from harness import Awake
from peers import Peer
from table import table
from targets import Report
from throughput import check

STREAMS, PER_SECOND = 1000, 1000
HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n")


def streaming(peers: list[Peer], upstream: int, chosen: argparse.Namespace) -> Report:
    """from the upstream's write to the caller's read: 1,000 streams, 1,000 a second; the round with the lowest p99 counts"""
    # LiteLLM reads and writes each event anew.
    measured = [None, *(peer for peer in peers if peer.decides != "key")]
    best: dict[tuple[str, bool], list[float]] = {}
    for _ in range(chosen.rounds):
        for peer in measured:
            name = peer.name if peer else "direct"
            for awake in [False, True]:
                # The thread that writes and reads never sleeps.
                with Awake(busy=1) if awake else contextlib.nullcontext():
                    figures = delays_of(peer, upstream, chosen.seconds)
                best[name, awake] = min(figures, best.get((name, awake), figures), key=lambda figures: figures[1])
    names = dict.fromkeys(name for name, _ in best)
    rows = [[name, *(f"{figure:,.0f}" for awake in [False, True] for figure in best[name, awake])] for name in names]
    head = ["p50 µs", "p99 µs", "slowest µs"]
    return table(["", *head, *(f"awake: {name}" for name in head)], rows, chosen.markdown), []


def delays_of(peer: Peer | None, upstream: int, seconds: float) -> list[float]:
    if not peer:
        return figures_of(Streams(None), seconds)
    with peer.start(upstream) as running:
        check(peer, running)
    streams = Streams(peer)
    with peer.start(streams.port) as running:
        return figures_of(streams, seconds, running.port)


def figures_of(streams: "Streams", seconds: float, port: int | None = None) -> list[float]:
    with streams:
        streams.open(port or streams.port)
        delays = streams.delays(seconds)
    quantiles = statistics.quantiles(delays, n=100)
    return [delay / 1000 for delay in (quantiles[49], quantiles[98], max(delays))]


class Streams:
    """Both ends of the streams, in one thread with one clock: what writes and reads an event waits for nothing else."""

    def __init__(self, peer: Peer | None) -> None:
        self.request = request_of(peer) if peer else b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.settimeout(30)
        self.port = self.listener.getsockname()[1]
        self.callers: list[socket.socket] = []
        self.upstreams: list[socket.socket] = []

    def __enter__(self) -> "Streams":
        return self

    def __exit__(self, *_: object) -> None:
        for end in [self.listener, *self.callers, *self.upstreams]:
            end.close()

    def open(self, port: int) -> None:
        for _ in range(STREAMS):
            caller = socket.create_connection(("127.0.0.1", port), 30)
            self.callers.append(caller)
            caller.sendall(self.request)
            upstream, _ = self.listener.accept()
            self.upstreams.append(upstream)
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            upstream.settimeout(30)
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += upstream.recv(65536)
            upstream.sendall(HEAD)
            answer = caller.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"a stream got {answer[:200]!r}")

    def delays(self, seconds: float) -> list[int]:
        """In nanoseconds, one for each event."""
        by_descriptor = {caller.fileno(): caller for caller in self.callers}
        ready = select.epoll()
        for descriptor in by_descriptor:
            ready.register(descriptor, select.EPOLLIN)
        delays: list[int] = []
        gc.disable()
        now = time.perf_counter_ns
        begun = now()
        events = int(seconds * PER_SECOND)
        for sent in range(events + 1):
            due = begun + sent * 1_000_000_000 // PER_SECOND
            # The last ones may take their time.
            end = due if sent < events else due + 10_000_000_000
            # Polling without waiting: what wakes a sleeper up is not the peer's.
            while now() < end and len(delays) < events:
                for descriptor, _ in ready.poll(0):
                    arrived = now()
                    pieces = by_descriptor[descriptor].recv(65536).split(b"data: ")[1:]
                    delays += [arrived - int(piece[:20]) for piece in pieces]
            if sent < events:
                event = b"data: %020d\n\n" % now()
                self.upstreams[sent % STREAMS].send(b"%x\r\n%s\r\n" % (len(event), event))
        gc.enable()
        ready.close()
        if len(delays) != events:
            raise SystemExit(f"{events} events were sent, and {len(delays)} arrived")
        return delays
