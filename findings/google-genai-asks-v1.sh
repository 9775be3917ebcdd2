#!/usr/bin/env bash
# google-genai 3.6.1 (PyPI): the Gemini Developer API is called below `/v1/`, and a batch of embeddings names its model twice.
#
# Google's own examples and releases before 3 use `/v1beta/`. Routes and rules written for `/v1beta/models/…` alone match nothing of this client.
# In the body of `batchEmbedContents` each request repeats the model, as `models/NAME`, which is the name in the path with a prefix.
# Seen on 2026-11-28; fails when the version or the form changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install --disable-pip-version-check google-genai==3.6.1
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

from google import genai

client = genai.Client(api_key="placeholder", http_options={"base_url": url})
for call in (
    lambda: client.models.generate_content(model="m", contents="hello"),
    lambda: client.models.embed_content(model="m", contents=["a", "b"]),
):
    try:
        call()
    except genai.errors.ClientError as error:
        print(type(error).__name__, error.code)
(generate, _, _), (embed, _, body) = seen
print(generate, embed, [request["model"] for request in body["requests"]])
assert generate == "/v1/models/m:generateContent"
assert embed == "/v1/models/m:batchEmbedContents"
assert {request["model"] for request in body["requests"]} == {"models/m"}
PY
