#!/usr/bin/env bash
# google-genai 3.6.1 (PyPI): whether a list of texts gives a vector for each depends on the letters of the model's name.
#
# If `gemini` is in the name, and it does not begin with `gemini-embedding-001` or `-exp`, `embed_content` sends the texts as the parts of one
# content, and gets one vector for all. Under any other name each text is a request of its own. A proxy that gives models other names (an alias,
# a team's name) changes what its callers get. A list of `types.Content` gives a vector for each under every name. Seen on 2026-11-29; fails when
# the name no longer matters.
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
        seen.append(json.loads(self.rfile.read(int(self.headers.get("content-length") or 0))))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        vectors = [{"values": [0.5]} for _ in seen[-1]["requests"]]
        self.wfile.write(json.dumps({"embeddings": vectors}).encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
threading.Thread(target=server.serve_forever, daemon=True).start()

from google import genai
from google.genai import types

client = genai.Client(api_key="placeholder", http_options={"base_url": f"http://127.0.0.1:{server.server_port}"})
texts = ["one", "two"]
contents = [types.Content(parts=[types.Part(text=text)]) for text in texts]
cases = [("text-embedding-004", texts), ("team-embedder", texts), ("team-gemini", texts), ("team-gemini", contents)]
vectors = [len(client.models.embed_content(model=model, contents=given).embeddings) for model, given in cases]
for (model, given), count in zip(cases, vectors):
    print(model, "texts" if given is texts else "contents", count)
assert vectors == [2, 2, 1, 2]
PY
