#!/usr/bin/env bash
# anthropic 2.14.0 (PyPI): `api_key=` is sent as `Authorization: Bearer`.
#
# Anthropic's HTTP API documents the header `x-api-key`, and older releases of the SDK send it for `api_key=`. A proxy that looks for the key
# of Anthropic clients in `x-api-key` alone finds none. Seen on 2026-11-28; fails when the SDK goes back to `x-api-key`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install --disable-pip-version-check anthropic==2.14.0
"$work/venv/bin/python" - <<'PY'
import http.server
import json
import threading

seen = []


class Recorder(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"error": {"message": "recorded", "code": 400, "status": "INVALID_ARGUMENT"}}')

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"

import anthropic

client = anthropic.Anthropic(api_key="placeholder", base_url=url, max_retries=0)
try:
    client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "hello"}])
except anthropic.BadRequestError:
    pass
(path, headers, _), = seen
print(path, {name: headers.get(name) for name in ("authorization", "x-api-key", "anthropic-version")})
assert path == "/v1/messages"
assert headers.get("authorization") == "Bearer placeholder"
assert "x-api-key" not in headers
PY
