"""The rules of modelgate inside a LiteLLM proxy. Two lines in its `config.yaml`:

    general_settings: {custom_auth: modelgate_policy.litellm.custom_auth}
    litellm_settings: {callbacks: [modelgate_policy.litellm.hooks]}

`custom_auth` verifies the token and decides the request as it arrived. `hooks` decides again where LiteLLM then takes another
model (defaults, fallbacks), and removes models from lists. The rules are in the proxy's own
configuration file, or in the file that `MODELGATE_CONFIG` names, and are reloaded when it changes.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import logging
import os
import re
import secrets
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, quote, unquote, urlencode

import litellm
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import LitellmUserRoles, ProxyException, UserAPIKeyAuth

from ._rules import Rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Request

    from ._native import Decision

__all__ = ["custom_auth", "hooks"]

_log = logging.getLogger("modelgate")

_Headers = list[tuple[bytes, bytes]]

# What a path may have as it is (RFC 3986 section 3.3).
_SAFE = "/:@!$&'()*+,;=-._~"
# They describe the body that is replaced.
_OF_THE_BODY = {b"content-type", b"content-length", b"content-encoding", b"transfer-encoding"}


class Refused(ProxyException):
    """A denial. LiteLLM answers it with the status and the error of modelgate."""

    def __init__(self, decision: Decision) -> None:
        headers = {
            name: value
            for name, value in decision.response_headers
            if name in ("x-request-id", "www-authenticate", "retry-after")
        }
        self.error = _error_in(decision.response_body)
        super().__init__(
            message=decision.reason or "denied",
            type=str(self.error.get("type", "permission_error")),
            param=None,
            code=decision.status,
            headers=headers,
            openai_code=decision.code,
        )
        # LiteLLM chooses another status for some words in the message.
        self.code = str(decision.status)

    def to_dict(self) -> dict[str, Any]:
        return self.error or super().to_dict()


def _error_in(body: bytes | None) -> dict[str, Any]:
    """The object `error` in the body of a denial. Google's and Anthropic's formats have one too."""
    try:
        error = json.loads(body or b"null")["error"]
    except (ValueError, TypeError, KeyError):
        return {}
    return error if isinstance(error, dict) else {}


@dataclass(frozen=True)
class _Judged:
    """A request that was allowed, with what is needed to ask about it again."""

    path: str
    method: str
    headers: _Headers
    peer: str | None
    models: tuple[str, ...]

    async def with_model(self, model: str) -> Decision:
        """Decides the same request for another model: by its place in the URL, else in a JSON body."""
        path = _replaced(self.path, self.models, model)
        headers = [(name, value) for name, value in self.headers if name not in _OF_THE_BODY]
        body = b"" if path else json.dumps({"model": model}).encode()
        if body:
            headers.append((b"content-type", b"application/json"))
        return await _rules().decide_async(
            path or self.path, self.method, headers=headers, body=body, peer=self.peer
        )

    async def check(self, model: str) -> None:
        """Raises `Refused` unless the caller may use the model."""
        if model in _served_as(self.models):
            return
        decision = await self.with_model(model)
        if not decision:
            raise Refused(decision)
        if model not in decision.models:
            _deny(403, "model_not_allowed", f"the proxy takes the model `{model}`, which the request does not name")


# The request that this task serves.
_judged: ContextVar[_Judged] = ContextVar("modelgate_judged")


@functools.cache
def _rules() -> Rules:
    rules = Rules.from_file(_config_file())
    rules.start()
    return rules


def _config_file() -> str:
    """The configuration of the proxy."""
    proxy = sys.modules.get("litellm.proxy.proxy_server")
    file = os.environ.get("MODELGATE_CONFIG") or getattr(proxy, "user_config_file_path", None)
    if not file:
        raise RuntimeError("modelgate does not know the proxy's configuration file: set MODELGATE_CONFIG to its path")
    return str(file)


async def custom_auth(request: Request, api_key: str) -> UserAPIKeyAuth:
    """Verifies the credential of a request, and decides the request. LiteLLM calls it before everything else."""
    try:
        return await _authorized(request)
    except ProxyException:
        raise
    except Exception:
        # With `custom_auth_settings.mode: auto`, LiteLLM would let its own checks decide after any other exception.
        _log.exception("a request could not be judged")
        _deny(500, "internal_error", "the request could not be judged")


async def _authorized(request: Request) -> UserAPIKeyAuth:
    scope = request.scope
    method, path, peer = str(scope["method"]), _target(scope), request.client.host if request.client else None
    headers: _Headers = list(scope["headers"])
    body, kind = await _body(request)
    if kind is not None:
        headers = [(name, value) for name, value in headers if name not in (b"content-type", b"content-length")]
        headers.append((b"content-type", kind))
    decision = await _rules().decide_async(path, method, headers=headers, body=body, peer=_address(peer))
    if not decision:
        raise Refused(decision)
    _judged.set(_Judged(path, method, headers, _address(peer), decision.models))
    return UserAPIKeyAuth(
        user_id=decision.user_id,
        team_id=decision.team_id,
        user_role=LitellmUserRoles(decision.role) if decision.role else None,
    )


def _target(scope: Any) -> str:
    """The path as it arrived, with its query."""
    # LiteLLM describes a WebSocket by a path that is decoded.
    raw = scope.get("raw_path") or quote(scope["path"], safe=_SAFE).encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    # Starlette adds the path of a mounted application, such as `/mcp`, to `root_path` alone.
    root = str(scope.get("app_root_path", scope.get("root_path")) or "").rstrip("/")
    if root and path.startswith(root + "/"):
        path = path[len(root) :]
    query = scope.get("query_string") or b""
    return f"{path}?{query.decode('latin-1')}" if query else path


def _address(host: str | None) -> str | None:
    """The peer, unless it is no address, as for a Unix socket."""
    try:
        return str(ipaddress.ip_address(host)) if host else None
    except ValueError:
        return None


async def _body(request: Request) -> tuple[bytes, bytes | None]:
    """The body, and the content type if it was written again. LiteLLM has read the fields of a form: these are judged."""
    form = getattr(request, "_form", None)
    if form is None or hasattr(request, "_body"):
        return await request.body(), None
    fields: list[tuple[str, str | None, bytes, bytes]] = []
    for name, value in form.multi_items():
        if isinstance(value, str):
            fields.append((name, None, b"", value.encode()))
        else:
            content = await value.read()
            await value.seek(0)
            fields.append((name, value.filename or "", (value.content_type or "").encode("latin-1"), content))
    if request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        pairs = [(name, content) for name, _, _, content in fields]
        return urlencode(pairs).encode(), b"application/x-www-form-urlencoded"
    boundary = secrets.token_hex(16).encode()
    parts = []
    for name, filename, kind, content in fields:
        head = b'content-disposition: form-data; name="%s"' % _quoted(name)
        if filename is not None:
            head += b'; filename="%s"' % _quoted(filename)
        if kind:
            head += b"\r\ncontent-type: " + kind
        parts.append(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, head, content))
    parts.append(b"--%s--\r\n" % boundary)
    return b"".join(parts), b"multipart/form-data; boundary=" + boundary


def _quoted(name: str) -> bytes:
    """A name in a part's head, as browsers write it."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22").encode()


def _replaced(target: str, models: Sequence[str], model: str) -> str | None:
    """The target with another model in the place of the one that was judged; `None` if the URL names none of them."""
    path, _, query = target.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    in_query = [(name, model if name == "model" and value in models else value) for name, value in pairs]
    named = "|".join(re.escape(judged) for judged in models) or "(?!)"
    places = rf"(/(?:deployments|engines|models?|tunedModels|endpoints)/)(?:{named})(?=[/:]|$)"
    in_path, count = re.subn(places, lambda place: place[1] + model, unquote(path), count=1)
    if not count and in_query == pairs:
        return None
    path = quote(in_path, safe=_SAFE) if count else path
    return f"{path}?{urlencode(in_query)}" if in_query else path


def _served_as(models: Sequence[str]) -> set[str]:
    """The models, and those that serve them by aliases in the configuration. An alias is decided by its own name."""
    router = getattr(sys.modules.get("litellm.proxy.proxy_server"), "llm_router", None)
    aliases = [litellm.model_alias_map or {}, getattr(router, "model_group_alias", None) or {}]
    served, new = set(models), list(models)
    while new:
        name = new.pop()
        for table in aliases:
            target = table.get(name)
            target = target.get("model") if isinstance(target, dict) else target
            if isinstance(target, str) and target not in served:
                served.add(target)
                new.append(target)
    return served


def _deny(status: int, code: str, message: str) -> NoReturn:
    raise ProxyException(message=message, type="permission_error", param=None, code=status, openai_code=code)


class Hooks(CustomLogger):
    """Decides again where LiteLLM takes another model than the one that was judged, and filters lists."""

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: Any) -> None:
        """Before a call: defaults and aliases may have changed the model."""
        judged = _judged.get(None)
        if judged is None:
            _deny(403, "permission_denied", "`general_settings.custom_auth` must be `modelgate_policy.litellm.custom_auth`")
        model = data.get("model")
        if isinstance(model, str):
            await judged.check(model)

    async def async_filter_deployments(
        self,
        model: str,
        healthy_deployments: list[Any],
        messages: Any,
        request_kwargs: dict[str, Any] | None = None,
        parent_otel_span: Any = None,
    ) -> list[Any]:
        """Before each attempt: `model` may be a fallback. Without a request, the call is LiteLLM's own."""
        judged = _judged.get(None)
        if judged is not None:
            await judged.check(model)
        return healthy_deployments

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> None:
        """After the choice of a deployment: a fallback that names one by its id comes here without the filter above."""
        judged = _judged.get(None)
        if judged is None:
            return
        for block in ("metadata", "litellm_metadata"):
            group = (kwargs.get(block) or {}).get("model_group")
            if isinstance(group, str):
                await judged.check(group)

    async def async_filter_listed_models(self, user_api_key_dict: Any, model_names: Sequence[str]) -> Sequence[str]:
        """Keeps the models that the caller may use."""
        judged = _judged.get(None)
        if judged is None:
            return ()
        headers = [(name, value) for name, value in judged.headers if name not in _OF_THE_BODY]
        callable_ = set(_rules().models(headers=headers, peer=judged.peer))
        # LiteLLM writes out what a wildcard stands for.
        wild = any("*" in listed for listed in callable_)
        kept = []
        for name in model_names:
            if name in callable_ or (wild and await _may_chat(judged, name)):
                kept.append(name)
        return kept


async def _may_chat(judged: _Judged, model: str) -> bool:
    chat = _Judged("/v1/chat/completions", "POST", judged.headers, judged.peer, ())
    return bool(await chat.with_model(model))


hooks = Hooks()

if getattr(sys.modules.get("litellm.proxy.proxy_server"), "user_config_file_path", None):
    # A proxy that reads its configuration does not start with rules that are invalid.
    _rules()
