#!/usr/bin/env bash
# litellm 1.110.2 (PyPI): a `roles` claim that is one string names no role.
#
# Its documentation of roles in tokens allows a list, or a string with spaces between the names. A provider that writes a single role as a string
# gives its callers nothing: neither one name nor several are found. Seen on 2026-11-28; fails when strings are read.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install --disable-pip-version-check litellm==1.110.2 \
    fastapi orjson backoff apscheduler pyjwt cryptography redis
LITELLM_LOCAL_MODEL_COST_MAP=True "$work/venv/bin/python" - <<'PY'
from litellm.proxy._types import LiteLLM_JWTAuth
from litellm.proxy.auth.handle_jwt import JWTHandler

handler = JWTHandler()
handler.litellm_jwtauth = LiteLLM_JWTAuth(
    user_roles_jwt_field="roles", user_allowed_roles=["basic_user"], enforce_rbac=True
)


def is_allowed(roles):
    named = handler.get_user_roles({"roles": roles}, default_value=[])
    return handler.is_allowed_user_role(named)


answers = {
    "a list": is_allowed(["basic_user"]),
    "one string": is_allowed("basic_user"),
    "names with a space between": is_allowed("other basic_user"),
}
print(answers)
assert answers == {"a list": True, "one string": False, "names with a space between": False}
PY
