#!/usr/bin/env bash
# Claude Code 2.1.332 (npm): a request that is answered with 401 is sent again and again, with growing pauses, before anything is shown.
#
# The token in `ANTHROPIC_AUTH_TOKEN` is the same each time, so each repetition fails in the same way. At 403 there is one request, and the
# message of the answer is shown at once. A gateway whose tokens expire appears to hang. `CLAUDE_CODE_MAX_RETRIES=0` shows the reason at once.
# Seen on 2026-11-29; fails when 401 ends the program within ten seconds, or 403 is repeated.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @anthropic-ai/claude-code@2.1.332
node node_modules/@anthropic-ai/claude-code/install.cjs
python3 - <<'PY'
import http.server
import json
import os
import subprocess
import threading

status = 401
seen = []


class Refusing(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        seen.append(self.path)
        error = {"type": "error", "error": {"type": "authentication_error", "message": "the reason"}}
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(error).encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
threading.Thread(target=server.serve_forever, daemon=True).start()
environment = {
    "PATH": os.environ["PATH"],
    "HOME": os.getcwd(),
    "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}",
    "ANTHROPIC_AUTH_TOKEN": "placeholder",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}


def ask(seconds, **more):
    """The number of requests, and what was printed, or None if the program was still running."""
    seen.clear()
    command = ["node_modules/.bin/claude", "-p", "hello"]
    try:
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": seconds}
        done = subprocess.run(command, env=environment | more, **options)
        return len(seen), done.stdout.strip()
    except subprocess.TimeoutExpired:
        return len(seen), None


refused = ask(10)
at_once = ask(60, CLAUDE_CODE_MAX_RETRIES="0")
status = 403
denied = ask(60)
print({"401": refused, "401 without retries": at_once, "403": denied})
assert refused[0] >= 3 and refused[1] is None
assert "the reason" in at_once[1]
assert denied[0] == 1 and "the reason" in denied[1]
PY
