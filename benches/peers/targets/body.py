"""How soon a large body goes on, and what it takes of memory."""

import argparse
import base64
import json
import os
import socket
import statistics
import sys

import inputs
from peers import MODELGATE, NGINX_VERSION, Peer, nginx
from table import table
from targets import Report, at_most
from targets.passage import Passage, is_whole
from throughput import check

MIB = 1 << 20
BODY_MIB, PER_SECOND_MIB, REPEATS = 24, 100, 7
# The targets: of nginx's time, and MiB that the peak may be above the one before the body.
OF_NGINX, FLAT = 2, 4
SPEEDS = {"at full speed": None, f"at {PER_SECOND_MIB} MiB/s": PER_SECOND_MIB * MIB}
UNBUFFERED = "proxy_request_buffering off; client_max_body_size 0;"


def body(_: list[Peer], upstream: int, chosen: argparse.Namespace) -> Report:
    """24 MiB of an image behind the model: until the upstream's first byte, and the peak; the round with the lowest median counts"""
    peers = [Peer("nginx-unbuffered", nginx("nginx.conf", forwarding=UNBUFFERED), NGINX_VERSION), MODELGATE]
    message = image()
    must_stay_denied(MODELGATE, message)
    best: dict[tuple[str, str], tuple[float, float]] = {}
    for _ in range(chosen.rounds):
        for speed in SPEEDS:
            for peer in peers:
                with peer.start(upstream) as running:
                    check(peer, running)
                seen = one_round(peer, message, SPEEDS[speed])
                print(f"{peer.name}, {speed}: {seen}", file=sys.stderr)
                best[speed, peer.name] = min(seen, best.get((speed, peer.name), seen))
    rows = [[name, speed, f"{ms:,.2f}", f"{more:,.1f}"] for (speed, name), (ms, more) in best.items()]
    verdicts = []
    what = f"body of {BODY_MIB} MiB with the model first"
    for speed in SPEEDS:
        (theirs, their_more), (ours, our_more) = (best[speed, peer.name] for peer in peers)
        verdicts += [
            at_most(f"{what}, {speed}: first byte to the upstream", ours / theirs, OF_NGINX, "of nginx", note=f"{ours:.2f} of {theirs:.2f} ms"),
            at_most(f"{what}, {speed}: rise of the peak", our_more, FLAT, "MiB", 1, f"nginx {their_more:.1f}")]
    return table(["", "client", "first byte ms", "rise of the peak MiB"], rows, chosen.markdown), verdicts


def image() -> tuple[bytes, bytes]:
    """What stands in front of the model's name in a body, and what stands behind it."""
    url = "data:image/png;base64," + base64.b64encode(os.urandom(BODY_MIB * MIB * 3 // 4)).decode()
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    rest = json.dumps({"messages": [{"role": "user", "content": content}], "max_tokens": 256})
    return b'{"model": "', b'", ' + rest[1:].encode()


def one_round(peer: Peer, message: tuple[bytes, bytes], per_second: float | None) -> tuple[float, float]:
    """The ms until the first byte, and the MiB that the peak rose."""
    with socket.create_server(("127.0.0.1", 0)) as listener, peer.start(listener.getsockname()[1]) as running:
        before = running.memory("VmHWM")
        delays = []
        for _ in range(REPEATS):
            passed = Passage(listener, running.port, request(message, inputs.MODEL), per_second).run()
            if passed.status() != 200 or not passed.body().endswith(message[1]):
                raise SystemExit(f"{peer.name}: {bytes(passed.answer[:500])!r}, and {len(passed.arrived):,} bytes arrived")
            delays.append(passed.first_byte)
        return statistics.median(delays) * 1000, (running.memory("VmHWM") - before) / MIB


def must_stay_denied(peer: Peer, message: tuple[bytes, bytes]) -> None:
    """Ends the run if a body reaches the upstream whose model the caller may not use, or one as a whole that ends with
    another model."""
    twice = message[0], message[1][:-1] + b', "model": "%s"}' % inputs.OTHER_MODEL.encode()
    with socket.create_server(("127.0.0.1", 0)) as listener, peer.start(listener.getsockname()[1]) as running:
        denied = Passage(listener, running.port, request(message, inputs.OTHER_MODEL), None).run()
        if denied.status() != 403 or denied.arrived:
            raise SystemExit(f"{peer.name}: a denied body got {bytes(denied.answer[:500])!r}")
        refused = Passage(listener, running.port, request(twice, inputs.MODEL), None).run()
        if refused.status() not in (400, 403) or is_whole(refused.arrived):
            raise SystemExit(f"{peer.name}: a body with two models got {bytes(refused.answer[:500])!r}")


def request(message: tuple[bytes, bytes], model: str) -> bytes:
    token = (inputs.tokens() / "one").read_text().strip()
    content = model.encode().join(message)
    head = ("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: {len(content)}\r\n\r\n")
    return head.encode() + content
