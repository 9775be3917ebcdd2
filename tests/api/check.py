"""Sends what the description of the admin API permits, and what it forbids, to a gateway, and fails on an answer that it does not describe."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    request = urllib.request.Request(url, headers={"authorization": "Bearer operator"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def wait_until_ready(url, gateway):
    for _ in range(300):
        if gateway.poll() is not None:
            sys.exit("the gateway ended")
        try:
            return get(f"{url}/health/readiness")
        except OSError:
            time.sleep(0.1)
    sys.exit("the gateway does not answer")


def decide(address):
    """Makes some decisions, so that there is something to describe."""
    for model in ["claude", "gpt", "none"]:
        body = json.dumps({"model": model, "messages": []}).encode()
        headers = {"authorization": "Bearer sk-master", "content-type": "application/json"}
        request = urllib.request.Request(f"http://{address}/v1/chat/completions", body, headers)
        try:
            urllib.request.urlopen(request).close()
        except urllib.error.HTTPError as refused:
            refused.close()


def main():
    listen, admin = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "JWT_PUBLIC_KEY_URL": "http://127.0.0.1:9/keys", "RUST_LOG": "warn"}
    serve = ["serve", "--config", HERE / "config.yaml", "--listen", listen, "--admin", admin]
    gateway = subprocess.Popen([os.environ["MODELGATE"], *serve], env=environment, stderr=subprocess.PIPE, text=True)
    url = f"http://{admin}"
    try:
        wait_until_ready(url, gateway)
        decide(listen)
        assert len(get(f"{url}/api/v1/decisions")["decisions"]) == 3
        hash_before = get(f"{url}/api/v1/snapshot")["hash"]
        run = ["run", f"{url}/api/v1/openapi.json", "--header", "Authorization: Bearer operator"]
        run += ["--checks", ",".join(CHECKS), "--seed", "1", "--max-examples", "40", "--generation-database", "none"]
        run += ["--request-timeout", "70", "--warnings", "off", "--no-color"]
        status = subprocess.run([pathlib.Path(sys.executable).with_name("schemathesis"), *run], cwd=HERE).returncode
        after = get(f"{url}/api/v1/snapshot")
        assert (after["hash"], after["reloads"]) == (hash_before, 0), "something in force was changed"
    finally:
        gateway.terminate()
        log = gateway.communicate()[1]
    assert "panicked" not in log, log
    sys.exit(status)


main()
