"""What a decision costs beside Envoy: through Envoy, and asked for directly."""

import argparse
import contextlib
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import inputs
from harness import HERE, Running, filled, free_port, status
from peers import MODELGATE, ONE_THREAD, PEERS, Peer, envoy, modelgate_config, Place
from table import table
from targets import Report, at_least, at_most
from throughput import CONNECTIONS, wrk

CHECK = "/envoy.service.auth.v3.Authorization/Check"
EMPTY, OURS = "tonic, empty", "modelgate"
FILTER = """\
          - name: envoy.filters.http.ext_authz
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              with_request_body: {max_request_bytes: 33554432, allow_partial_message: false, pack_as_bytes: true}
              encode_raw_headers: true
              grpc_service: {envoy_grpc: {cluster_name: check}, timeout: 5s}"""
DIRECT_CONNECTIONS, DIRECT_STREAMS = 4, 16
# The targets of modelgate's checks, beside those of the empty server.
CPU, P99, PER_SECOND = 1.25, 1.5, 10_000


def doors(peers: list[Peer], upstream: int, chosen: argparse.Namespace) -> Report:
    """Envoy with and without checks, then the servers of the checks alone, each with one worker thread"""
    through = through_envoy(upstream, chosen)
    text, verdicts = directly(upstream, chosen)
    return f"{through}\n\n{text}", verdicts


@contextlib.contextmanager
def server(name: str, upstream: int) -> Iterator[Running]:
    """A server that Envoy's filter asks."""
    place = Place(free_port(), upstream, inputs.SCRATCH / "run" / name.replace(", ", "-"))
    place.dir.mkdir(parents=True, exist_ok=True)
    if name == EMPTY:
        argv, env = [empty(), f"127.0.0.1:{place.port}"], ONE_THREAD()
    else:
        config = modelgate_config(place)
        config.write_text(config.read_text() + f"\nmodelgate: {{ext_authz: {{listen: '127.0.0.1:{place.port}'}}}}\n")
        listen = ["--listen", f"127.0.0.1:{free_port()}", "--admin", "off"]
        argv, env = [inputs.built("bin", "modelgate"), "serve", "--config", config, *listen], MODELGATE.env()
    with Running(argv, place.port, place.dir / "log", env) as running:
        yield running.ready()


def empty() -> Path:
    package, target = HERE / "empty_check", inputs.TARGET / "empty_check"
    build = ["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", target, "--manifest-path", package / "Cargo.toml"]
    subprocess.run([str(word) for word in build], check=True)
    return target / "release/empty-check"


@dataclass(frozen=True)
class Through:
    per_second: float
    p50_us: float
    p99_us: float
    envoy_us: float
    check_us: float


def through_envoy(upstream: int, chosen: argparse.Namespace) -> str:
    rows = {"no filter": None, "its own jwt_authn and RBAC": None, f"ext_authz to {EMPTY}": EMPTY, f"ext_authz to {OURS}": OURS}
    best: dict[str, Through] = {}
    for _ in range(chosen.rounds):
        for row, name in rows.items():
            seen = one_round(row, name, upstream, chosen.seconds)
            print(f"{row}: {seen}", file=sys.stderr)
            best[row] = min(seen, best.get(row, seen), key=lambda seen: seen.envoy_us + seen.check_us)
    head = ["Envoy with", "requests/s", "p50 µs", "p99 µs", "Envoy's CPU µs/request", "the check's", "both"]
    cells = [[row, f"{seen.per_second:,.0f}", f"{seen.p50_us:,.0f}", f"{seen.p99_us:,.0f}", f"{seen.envoy_us:,.1f}",
              f"{seen.check_us:,.1f}" if rows[row] else "", f"{seen.envoy_us + seen.check_us:,.1f}"] for row, seen in best.items()]
    return table(head, cells, chosen.markdown)


def one_round(row: str, name: str | None, upstream: int, seconds: float) -> Through:
    with contextlib.ExitStack() as stack:
        check = stack.enter_context(server(name, upstream)) if name else None
        if "RBAC" in row:
            proxy = stack.enter_context(next(peer for peer in PEERS if peer.name == "envoy").start(upstream))
        else:
            proxy = stack.enter_context(envoy_with(upstream, check))
        token = (inputs.tokens() / "one").read_text().strip()
        expected = [(inputs.MODEL, 200), (inputs.OTHER_MODEL, 403 if name == OURS or "RBAC" in row else 200)]
        for model, right in expected:
            got = status(proxy.port, inputs.body(model).encode(), token)
            if got != right:
                raise SystemExit(f"{row}: {model} got {got} instead of {right}\n{proxy.log.read_text()[-2000:]}")
        measured = [proxy] + ([check] if check else [])
        wrk(proxy.port, inputs.tokens() / "one", 1, CONNECTIONS)
        before = [sum(running.cpu()) for running in measured]
        seen = wrk(proxy.port, inputs.tokens() / "one", seconds, CONNECTIONS)
        spent = [(sum(running.cpu()) - then) * 1e6 / seen["requests"] for running, then in zip(measured, before)]
    if seen["failed"]:
        raise SystemExit(f"{row}: {seen}")
    return Through(seen["requests"] / seen["seconds"], seen["p50"], seen["p99"], spent[0], sum(spent[1:]))


@contextlib.contextmanager
def envoy_with(upstream: int, check: Running | None) -> Iterator[Running]:
    port, directory = free_port(), inputs.SCRATCH / "run" / "envoy-doors"
    directory.mkdir(parents=True, exist_ok=True)
    values = {"port": port, "upstream": upstream, "check": check.port if check else 9, "filter": FILTER if check else ""}
    file = directory / "envoy-doors.yaml"
    file.write_text(filled("envoy-doors.yaml", values))
    argv = envoy("-c", file, "--concurrency", 1, "-l", "warn", "--disable-hot-restart")
    with Running(argv, port, directory / "log") as running:
        yield running.ready()


@dataclass(frozen=True)
class Direct:
    per_second: float
    cpu_us: float
    p50_us: float
    p99_us: float


def directly(upstream: int, chosen: argparse.Namespace) -> Report:
    best: dict[str, list[Direct]] = {EMPTY: [], OURS: []}
    for _ in range(chosen.rounds):
        for name in best:
            with server(name, upstream) as running:
                must_permit(name, running.port)
                h2load(running.port, 1)
                before = sum(running.cpu())
                requests, durations = h2load(running.port, chosen.seconds)
                spent = sum(running.cpu()) - before
            durations.sort()
            p50, p99 = statistics.median(durations), durations[len(durations) * 99 // 100]
            best[name].append(Direct(requests / chosen.seconds, spent * 1e6 / requests, p50, p99))
            print(f"{name}: {best[name][-1]}", file=sys.stderr)
    least = {name: Direct(max(seen.per_second for seen in rounds), min(seen.cpu_us for seen in rounds),
                          min(seen.p50_us for seen in rounds), min(seen.p99_us for seen in rounds))
             for name, rounds in best.items()}
    head = [f"{DIRECT_CONNECTIONS} connections, {DIRECT_STREAMS} checks at a time on each", "checks/s", "CPU µs/check", "p50 µs", "p99 µs"]
    rows = [[name, f"{seen.per_second:,.0f}", f"{seen.cpu_us:,.1f}", f"{seen.p50_us:,.0f}", f"{seen.p99_us:,.0f}"]
            for name, seen in least.items()]
    ours, theirs = least[OURS], least[EMPTY]
    cpu, p99 = ours.cpu_us / theirs.cpu_us, ours.p99_us / theirs.p99_us
    verdicts = [at_most("a check for Envoy, CPU", cpu, CPU, "of the empty server", note=f"{ours.cpu_us:.1f} of {theirs.cpu_us:.1f} µs"),
                at_most("a check for Envoy, p99", p99, P99, "of the empty server", note=f"{ours.p99_us:,.0f} of {theirs.p99_us:,.0f} µs"),
                at_least("checks for Envoy on one core", 1e6 / ours.cpu_us, PER_SECOND, "a second", 0)]
    return table(head, rows, chosen.markdown), verdicts


def must_permit(name: str, port: int) -> None:
    """Ends the run unless the question is permitted, and by modelgate only with a good token."""
    ask = ["curl", "--silent", "--http2-prior-knowledge", "--data-binary", f"@{question()}", "-H", "content-type: application/grpc",
           "-H", "te: trailers", f"http://127.0.0.1:{port}{CHECK}"]
    answer = subprocess.run(ask, check=True, capture_output=True).stdout
    if b"Bearer" in answer or (name == OURS) != (b"x-modelgate-role" in answer) or not answer:
        raise SystemExit(f"{name} answered {answer!r}")


def h2load(port: int, seconds: float) -> tuple[int, list[int]]:
    """The number of answers, and the µs until each."""
    log = inputs.SCRATCH / "h2load.log"
    log.unlink(missing_ok=True)
    command = ["h2load", "-t1", f"-c{DIRECT_CONNECTIONS}", f"-m{DIRECT_STREAMS}", f"-D{seconds:g}", "-d", question(), f"--log-file={log}",
               "-H", "content-type: application/grpc", "-H", "te: trailers", f"http://127.0.0.1:{port}{CHECK}"]
    out = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", out)
    if not found or int(found[2]) or int(found[3]):
        raise SystemExit(out)
    return int(found[1]), [int(line.split("\t")[2]) for line in log.read_text().splitlines()]


def question() -> Path:
    """The file of one question as Envoy's filter asks it: `CheckRequest`, with the prefix of a gRPC message."""
    body, token = inputs.body(inputs.MODEL).encode(), (inputs.tokens() / "one").read_text().strip()
    headers = {":authority": "localhost", ":method": "POST", ":path": "/v1/chat/completions", ":scheme": "http", "accept": "*/*",
               "authorization": f"Bearer {token}", "content-length": str(len(body)), "content-type": "application/json",
               "user-agent": "OpenAI/Python 3.57.0", "x-envoy-auth-partial-body": "false", "x-forwarded-proto": "http",
               "x-request-id": "0b5f2f0e-6f5f-4d1e-9a36-3b7a7f1f3a5c"}
    pairs = b"".join(field(1, field(1, name.encode()) + field(3, value.encode())) for name, value in headers.items())
    http = (field(1, b"13359530607844510314") + field(2, b"POST") + field(4, b"/v1/chat/completions") + field(5, b"localhost")
            + field(6, b"http") + field(10, b"HTTP/1.1") + field(12, body) + field(13, pairs))
    address = field(1, field(1, field(2, b"127.0.0.1") + b"\x18\xd0\x0f"))
    attributes = field(1, address) + field(2, address) + field(4, field(2, http))
    message = field(1, attributes)
    file = inputs.SCRATCH / "question"
    file.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    return file


def field(number: int, value: bytes) -> bytes:
    """A field of bytes in a message of Protocol Buffers."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(number: int) -> bytes:
    digits = []
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])
