"""Measures decisions about a known token, and fails if the median takes more than 10 microseconds.

    python bench.py        with an optimized build: `maturin build --release`, then install the wheel
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from modelgate_policy import Rules

BOUND = 10.0
ROUNDS = 20_000

CONFIG = """
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
  role_permissions: [{role: internal_user, models: [gpt-4o]}]
model_list: [{model_name: gpt-4o, litellm_params: {model: openai/gpt-4o, api_key: sk-1}}]
"""


def microseconds(decide: Callable[[], Any]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    assert decide().allow
    for _ in range(ROUNDS // 10):
        decide()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter_ns()
        decide()
        times.append(time.perf_counter_ns() - began)
    times.sort()
    return times[ROUNDS // 2] / 1000, times[ROUNDS * 99 // 100] / 1000


def main() -> int:
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())) | {"kid": "k", "alg": "ES256"}
    claims = {"sub": "ada", "roles": ["basic_user"], "aud": "bench", "exp": time.time() + 3600}
    token = jwt.encode(claims, key, algorithm="ES256", headers={"kid": "k"})
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say hello in five languages."}]}
    raw, path = json.dumps(body).encode(), "/v1/chat/completions"
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"accept", b"*/*")]
    headers.append((b"authorization", f"Bearer {token}".encode()))
    with tempfile.TemporaryDirectory() as directory:
        keys, config = Path(directory, "keys.json"), Path(directory, "config.yaml")
        keys.write_text(json.dumps({"keys": [public]}))
        config.write_text(CONFIG)
        os.environ |= {"JWT_PUBLIC_KEY_URL": keys.as_uri(), "JWT_AUDIENCE": "bench"}
        with Rules.from_file(config) as rules:
            cases = {
                "a token, a body of bytes": lambda: rules.decide(path, token=token, body=raw),
                "the headers of a server, a body of bytes": lambda: rules.decide(path, headers=headers, body=raw),
                "a token, a body as dict": lambda: rules.decide(path, token=token, body=body),
                "claims, a body of bytes": lambda: rules.decide(path, claims=claims, body=raw),
            }
            medians = []
            for name, decide in cases.items():
                median, high = microseconds(decide)
                medians.append(median)
                print(f"{name}: p50 {median:.1f} us, p99 {high:.1f} us")
    # The bound is for a request as it arrives. Dictionaries are written as JSON first.
    return 0 if max(medians[:2]) <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
