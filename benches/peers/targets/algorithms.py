"""What new tokens of other algorithms cost."""

import argparse
import dataclasses
import sys

from peers import MODELGATE, Peer, modelgate_env
from table import table
from targets import Report
from throughput import TOKENS, Load, alone, beside_raw, check, load

# The stage of `hot_path` that verifies a signature alone.
STAGES = {"ES256": "raw_es256", "EdDSA": "raw_eddsa"}


def algorithms(_: list[Peer], upstream: int, chosen: argparse.Namespace) -> Report:
    """modelgate with tokens of ES256 and EdDSA; the round with the least processor time for a request counts"""
    best: dict[tuple[str, str], Load] = {}
    for _ in range(chosen.rounds):
        for algorithm in STAGES:
            peer = with_algorithm(algorithm)
            for tokens in TOKENS:
                with peer.start(upstream) as running:
                    check(peer, running)
                    seen = load(peer, running, tokens, chosen.seconds)
                print(f"{peer.name}, {TOKENS[tokens]}: {seen}", file=sys.stderr)
                best[algorithm, tokens] = min(seen, best.get((algorithm, tokens), seen), key=lambda load: load.cpu_us)
    rows, verdicts = [], []
    for algorithm, stage in STAGES.items():
        one, new = (best[algorithm, tokens].cpu_us for tokens in TOKENS)
        raw = alone(stage, chosen.rounds)
        rows.append([algorithm, f"{one:,.1f}", f"{new:,.1f}", f"{raw:,.1f}"])
        verdicts.append(beside_raw(f"CPU per request, each token new, {algorithm}", new, one, raw))
    head = ["", "one token, CPU µs/request", f"{TOKENS['new']}, CPU µs/request", "a signature alone, µs"]
    return table(head, rows, chosen.markdown), verdicts


def with_algorithm(algorithm: str) -> Peer:
    return dataclasses.replace(MODELGATE, name=f"modelgate {algorithm}", algorithm=algorithm, env=lambda: modelgate_env(algorithm))
