#!/usr/bin/env bash
# langchain-openai 1.7.4 (PyPI), AzureChatOpenAI: the body says `"model": null`, and the path names the deployment.
#
# Azure ignores the member. A proxy that takes a `model` which is no string for a malformed request refuses every call of this client, and one
# that overwrites the path by the body has nothing to write. Seen on 2026-11-28; fails when the member goes or gets a name.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install --disable-pip-version-check langchain-openai==1.7.4 openai==3.57.0
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

from langchain_openai import AzureChatOpenAI

client = AzureChatOpenAI(
    azure_deployment="deployment", api_version="2025-02-01-preview", azure_endpoint=url, api_key="placeholder", max_retries=0
)
try:
    client.invoke("hello")
except Exception as error:
    print(type(error).__name__)
(path, _, body), = seen
print(path, body)
assert path.startswith("/openai/deployments/deployment/chat/completions?")
assert "model" in body and body["model"] is None
PY
