#!/usr/bin/env bash
# google-genai 3.6.1 (PyPI): `aio.live.connect` speaks TLS although `base_url` begins with `http:`.
#
# All other calls of the client use the scheme of `base_url`. The realtime client of openai 3.57.0 turns `http:` into `ws:`. A server that
# expects plain HTTP gets a TLS handshake from Google's, and the client reports a reset connection. Seen on 2026-11-28; fails when the
# client uses the scheme that it was given.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install --disable-pip-version-check google-genai==3.6.1 'openai[realtime]==3.57.0'
"$work/venv/bin/python" - <<'PY'
import asyncio
import socket
import threading

from google import genai
from openai import OpenAI

server = socket.create_server(("127.0.0.1", 0))
address = f"http://127.0.0.1:{server.getsockname()[1]}"
first = []


def record():
    while True:
        connection, _ = server.accept()
        first.append(connection.recv(4))
        connection.close()


threading.Thread(target=record, daemon=True).start()


async def google():
    client = genai.Client(api_key="placeholder", http_options={"base_url": address})
    async with client.aio.live.connect(model="m"):
        pass


def openai():
    client = OpenAI(api_key="placeholder", base_url=f"{address}/v1", max_retries=0)
    with client.realtime.connect(model="m"):
        pass


for connect in (openai, lambda: asyncio.run(google())):
    try:
        connect()
    except Exception as error:
        print(type(error).__name__)
print(first)
assert first[0] == b"GET ", "openai writes an HTTP request"
# A record of TLS begins with its type, 22 for a handshake, and the version 3.x.
assert first[-1][:2] == b"\x16\x03", "google-genai begins a TLS handshake"
PY
