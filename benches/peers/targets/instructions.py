"""How many instructions of the program a request takes; unlike time, they do not depend on what else the machine does."""

import argparse
import re

import inputs
from peers import MODELGATE, Peer, named
from table import table
from targets import Report, at_most
from throughput import bearer, check, fail, wrk

CONNECTIONS = 4
# Two runs of so many seconds: what a start costs falls out of their difference.
SHORT, LONG = 2, 8
MOST = 42_000


def instructions(_: list[Peer], upstream: int, chosen: argparse.Namespace) -> Report:
    """user-mode instructions of a request with one token, counted by Callgrind under 4 connections"""
    inputs.packages("valgrind")
    counts = {peer.name: of_a_request(peer, upstream) for peer in [named("bare hyper"), MODELGATE]}
    rows = [[name, f"{count:,.0f}"] for name, count in counts.items()]
    bare = f"bare hyper {counts['bare hyper']:,.0f}"
    verdict = at_most("user instructions per request, one token", counts["modelgate"], MOST, "instructions", 0, bare)
    return table(["", "instructions/request"], rows, chosen.markdown), [verdict]


def of_a_request(peer: Peer, upstream: int) -> float:
    (few, short), (many, long) = (counted(peer, upstream, seconds) for seconds in [SHORT, LONG])
    return (long - short) / (many - few)


def counted(peer: Peer, upstream: int, seconds: float) -> tuple[int, int]:
    """The number of requests, and all instructions of the process."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    with peer.start(upstream, under=valgrind) as running:
        check(peer, running)
        seen = wrk(running.port, bearer(peer, "one"), seconds, CONNECTIONS)
        # It writes its count when it ends.
        running.process.terminate()
        running.process.wait(60)
        collected = re.search(r"Collected : (\d+)", running.log.read_text())
    if seen["failed"] or not collected:
        fail(peer, running, f"under Callgrind: {seen}")
    return seen["requests"], int(collected[1])
