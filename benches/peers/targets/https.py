"""What a request costs whose upstream is called by HTTPS, as providers are."""

import argparse
import functools
import subprocess
import sys
from pathlib import Path

import inputs
from peers import MODELGATE, NGINX_VERSION, Peer, Place, modelgate_config, modelgate_env, nginx, serve
from table import table
from targets import Report, at_most
from throughput import Load, check, load

OF_NGINX = 1.15
SUBJECT = "localhost"
SERVER = """ssl_certificate {0}/certificate.pem;
        ssl_certificate_key {0}/key.pem;
        ssl_protocols TLSv1.3;"""
CLIENT = """proxy_ssl_protocols TLSv1.3;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate {0}/ca.pem;
        proxy_ssl_server_name on;
        proxy_ssl_name {1};"""


def https(_: list[Peer], __: int, chosen: argparse.Namespace) -> Report:
    """one token, and an upstream that speaks TLS with HTTP/1.1; the round with the least processor time counts"""
    folder = certificates()
    upstream = Peer("upstream-https", nginx("upstream.conf", tls="ssl", certificate=SERVER.format(folder)), NGINX_VERSION)
    peers = [
        Peer("nginx-https", nginx("nginx.conf", scheme="https", forwarding=CLIENT.format(folder, SUBJECT)), NGINX_VERSION),
        Peer("modelgate-https", modelgate, MODELGATE.version, "tokens",
             lambda: modelgate_env() | {"SSL_CERT_FILE": str(folder / "ca.pem")}),
    ]
    best: dict[str, Load] = {}
    with upstream.start(0) as answering:
        for _ in range(chosen.rounds):
            for peer in peers:
                with peer.start(answering.port) as running:
                    check(peer, running)
                    seen = load(peer, running, "one", chosen.seconds)
                print(f"{peer.name}: {seen}", file=sys.stderr)
                best[peer.name] = min(seen, best.get(peer.name, seen), key=lambda load: load.cpu_us)
    rows = [[name, f"{seen.per_second:,.0f}", f"{seen.p50_us:,.0f}", f"{seen.cpu_us:,.1f}", f"{seen.system_us:,.1f}"]
            for name, seen in best.items()]
    theirs, ours = (best[peer.name].cpu_us for peer in peers)
    verdict = at_most("CPU per request, one token, upstream by HTTPS", ours / theirs, OF_NGINX, "of nginx",
                      note=f"{ours:.1f} of {theirs:.1f} µs")
    head = ["", "requests/s", "p50 µs", "CPU µs/request", "in the kernel"]
    return table(head, rows, chosen.markdown), [verdict]


def modelgate(place: Place) -> list[object]:
    return serve(place, modelgate_config(place, "https"))


@functools.cache
def certificates() -> Path:
    """The folder of a certificate authority, and of a certificate that it has signed for the upstream."""
    inputs.packages("openssl")
    folder = inputs.SCRATCH / "certificates"
    folder.mkdir(parents=True, exist_ok=True)
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"]
    names = f"subjectAltName=DNS:{SUBJECT},IP:127.0.0.1"
    for more in [["-subj", "/CN=peers", "-keyout", "ca.key", "-out", "ca.pem"],
                 ["-subj", f"/CN={SUBJECT}", "-addext", names, "-addext", "basicConstraints=critical,CA:FALSE",
                  "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "key.pem", "-out", "certificate.pem"]]:
        subprocess.run([*new, *more], check=True, cwd=folder, capture_output=True)
    return folder
