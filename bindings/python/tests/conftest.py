"""A provider of tokens, and a configuration that trusts it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

AUDIENCE = "modelgate"

CONFIG = """
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [allowed]}
model_list:
  - {model_name: allowed, litellm_params: {model: openai/allowed, api_key: sk-1}}
  - {model_name: denied, litellm_params: {model: openai/denied, api_key: sk-1}}
"""


class Provider:
    """Signs tokens with a key whose public part is in a file."""

    def __init__(self, directory: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key()))
        self.file = directory / "keys.json"
        self.file.write_text(json.dumps({"keys": [public | {"kid": "k", "alg": "ES256", "use": "sig"}]}))

    def token(self, lifetime: float = 300, **claims: Any) -> str:
        return self.sign({"sub": "ada", "roles": ["basic_user"], "exp": time.time() + lifetime} | claims)

    def sign(self, claims: dict[str, Any]) -> str:
        """A token with these claims alone, besides its audience and its end."""
        claims = {"aud": AUDIENCE, "exp": time.time() + 300} | claims
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": "k"})


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Provider:
    return Provider(tmp_path_factory.mktemp("provider"))


@pytest.fixture(scope="session", autouse=True)
def environment(provider: Provider) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JWT_PUBLIC_KEY_URL", provider.file.as_uri())
        patch.setenv("JWT_AUDIENCE", AUDIENCE)
        yield


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    return file
