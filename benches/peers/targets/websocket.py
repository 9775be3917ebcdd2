"""How many bytes a second WebSockets carry in large frames."""

import argparse
import json
import multiprocessing
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

import inputs
from harness import Running
from peers import MODELGATE, NGINX_VERSION, Peer, Place, modelgate_config, modelgate_env, nginx, serve
from table import table
from targets import Report, at_least
from targets.frames import FINAL, TEXT, Received, frame, frame_at, knock, open_door, receive, send

FRAME_BYTES = 100_000
OF_TUNNEL = 0.8
PATH = f"/v1/realtime?model={inputs.MODEL}"
DIRECTIONS = {"to the upstream": "input_audio_buffer.append", "to the caller": "response.output_audio.delta"}
# nginx carries an upgraded connection through the buffers of a head; small ones would make it slow.
TUNNEL = """proxy_set_header Upgrade $http_upgrade;
        client_header_buffer_size 64k;
        proxy_buffer_size 64k;
        proxy_buffers 8 64k;
        proxy_busy_buffers_size 128k;"""


@dataclass(frozen=True)
class Carried:
    mb_per_second: float
    cpu_us_per_frame: float


def websocket(_: list[Peer], __: int, chosen: argparse.Namespace) -> Report:
    """frames of 100 kB over one connection, beside nginx, which carries bytes without a look; the fastest round counts"""
    peers = [Peer("nginx-websocket", nginx("nginx.conf", connection="upgrade", forwarding=TUNNEL), NGINX_VERSION),
             Peer("modelgate-websocket", modelgate, MODELGATE.version, "tokens", modelgate_env)]
    best: dict[tuple[str, str], Carried] = {}
    for _ in range(chosen.rounds):
        for direction in DIRECTIONS:
            for peer in [None, *peers]:
                name = peer.name if peer else "direct"
                seen = one_round(peer, direction, chosen.seconds)
                print(f"{name}, {direction}: {seen}", file=sys.stderr)
                best[direction, name] = max(seen, best.get((direction, name), seen), key=lambda seen: seen.mb_per_second)
    rows = [[name, direction, f"{seen.mb_per_second:,.0f}", f"{seen.cpu_us_per_frame:,.0f}" if seen.cpu_us_per_frame else ""]
            for (direction, name), seen in best.items()]
    verdicts = []
    for direction in DIRECTIONS:
        theirs, ours = (best[direction, peer.name].mb_per_second for peer in peers)
        verdicts.append(at_least(f"WebSocket frames of {FRAME_BYTES // 1000} kB {direction}", ours / theirs, OF_TUNNEL,
                                 "of a tunnel by nginx", note=f"{ours:,.0f} of {theirs:,.0f} MB/s"))
    return table(["", "direction", "MB/s", "CPU µs/frame"], rows, chosen.markdown), verdicts


def modelgate(place: Place) -> list[object]:
    # Anthropic has no such route.
    return serve(place, modelgate_config(place, provider="openai/"))


def one_round(peer: Peer | None, direction: str, seconds: float) -> Carried:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if not peer:
            return carried(listener, port, direction, seconds, lambda: 0.0)
        with peer.start(port) as running:
            must_stay_denied(peer, running, listener)
            return carried(listener, running.port, direction, seconds, lambda: sum(running.cpu()))


def carried(listener: socket.socket, port: int, direction: str, seconds: float, cpu: Callable[[], float]) -> Carried:
    content = event(DIRECTIONS[direction])
    inward = direction == "to the upstream"
    # The upstream is another process, since two ends in one would take turns.
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    upstream = fork.Process(target=upstream_of, args=(listener, content, seconds, inward, there), daemon=True)
    upstream.start()
    there.close()
    token = (inputs.tokens() / "one").read_text().strip()
    with knock(port, PATH, token) as caller:
        before = cpu()
        if inward:
            sent = send(caller, content, True, seconds)
            received = here.recv()
        else:
            received = receive(caller, content)
            sent = here.recv()
        spent = cpu() - before
    upstream.join(60)
    if upstream.exitcode != 0 or received.messages != sent or not sent:
        raise SystemExit(f"{direction}: {sent} messages were sent, and {received} arrived")
    return Carried(received.content_bytes / received.seconds / 1e6, spent * 1e6 / sent)


def upstream_of(listener: socket.socket, content: bytes, seconds: float, inward: bool, there) -> None:
    """The upstream's side of one connection: says what it received, or how much it sent."""
    with open_door(listener) as connection:
        outcome: Received | int = receive(connection, content) if inward else send(connection, content, False, seconds)
        there.send(outcome)
        if not inward:
            # The caller closes when it has read all.
            while connection.recv(65536):
                pass


def event(kind: str) -> bytes:
    """An event of so many bytes, whose audio is the most of it."""
    value = {"type": kind, "event_id": "event_1", "audio": ""}
    value["audio"] = "UklGRiQA" * FRAME_BYTES
    text = json.dumps(value)
    return (text[:FRAME_BYTES - 2] + '"}').encode()


def must_stay_denied(peer: Peer, running: Running, listener: socket.socket) -> None:
    """Ends the run if a message passes that asks for a model which the caller may not use."""
    if peer.decides == "nothing":
        return
    fork = multiprocessing.get_context("fork")
    silent = fork.Process(target=read_nothing, args=(listener,), daemon=True)
    silent.start()
    token = (inputs.tokens() / "one").read_text().strip()
    with knock(running.port, PATH, token) as caller:
        asked = {"type": "session.update", "event_id": "e", "session": {"model": inputs.OTHER_MODEL}}
        caller.sendall(frame(FINAL | TEXT, json.dumps(asked).encode(), True))
        answer = bytearray()
        while not (whole := frame_at(answer, 0)):
            answer += caller.recv(65536)
    said = json.loads(answer[whole[2]:whole[3]])
    silent.join(60)
    if said["type"] != "error" or silent.exitcode != 0:
        raise SystemExit(f"{peer.name}: a denied message got {said}")


def read_nothing(listener: socket.socket) -> None:
    """An upstream that ends with a failure if a message with text reaches it."""
    with open_door(listener) as connection:
        arrived = b""
        while piece := connection.recv(65536):
            arrived += piece
    if arrived and arrived[0] & 0x0F == TEXT:
        raise SystemExit(f"a denied message arrived: {arrived!r}")
