from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any, Literal, final

from typing_extensions import Self, TypeAlias, disjoint_base

__all__ = ["ConfigError", "Decision", "Pending", "Rules"]

_Headers: TypeAlias = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[str | bytes, str | bytes]]
_Body: TypeAlias = bytes | str | dict[str, Any] | None

class ConfigError(Exception):
    """The files are invalid, or something in them cannot be used. The text names the file, the line and the fix."""

@final
class Decision:
    """A decision. True if the request is allowed."""

    @property
    def allow(self) -> bool:
        """Whether the request is allowed."""
    @property
    def status(self) -> int:
        """The status of the response. 200 stands for any status of the upstream."""
    @property
    def rule(self) -> str | None:
        """The rule that denies, such as `R2.model`."""
    @property
    def code(self) -> str | None:
        """The code of the error, such as `model_not_allowed`."""
    @property
    def reason(self) -> str | None:
        """The message for the caller."""
    @property
    def role(self) -> Literal["proxy_admin", "team", "internal_user"] | None:
        """The caller's role: `proxy_admin`, `team` or `internal_user`."""
    @property
    def user_id(self) -> str | None:
        """The caller's user id."""
    @property
    def team_id(self) -> str | None:
        """The team that the request is counted for."""
    @property
    def models(self) -> tuple[str, ...]:
        """The models that an allowed request names."""
    @property
    def policies(self) -> tuple[str, ...]:
        """The ids of the policies that decided."""
    @property
    def shadow(self) -> tuple[str, ...]:
        """The ids of the shadow policies that would have changed the decision."""
    @property
    def unenforced(self) -> str | None:
        """The rule that denies but is not enforced, under `modelgate.mode: log_only`."""
    @property
    def generation(self) -> int | None:
        """The generation of the rules; `None` for a request that could not be judged."""
    @property
    def request_id(self) -> str:
        """The id of the request in the decision log and in the response."""
    @property
    def response_headers(self) -> list[tuple[str, str]]:
        """The headers of the response to a denied request, or to a list of models."""
    @property
    def response_body(self) -> bytes | None:
        """The body of the response to a denied request, or to a list of models. `None`: the upstream answers."""
    def __bool__(self) -> bool: ...

@final
class Pending:
    """A decision that waits for the network, as for the keys of an identity provider."""

    def wait(self) -> Decision:
        """Waits for the decision."""

@disjoint_base
class Rules:
    """Rules from files, and decisions by them."""

    def __new__(
        cls, path: str | PathLike[str], policies: str | PathLike[str] | None = None, *, watch: bool = True
    ) -> Self: ...
    def start(self) -> None:
        """Starts the threads of this process, which fetch keys and watch the files. The first decision does it too."""
    def decide(
        self,
        path: str,
        method: str = "POST",
        *,
        headers: _Headers = (),
        body: _Body = b"",
        token: str | None = None,
        claims: dict[str, Any] | None = None,
        peer: str | None = None,
    ) -> Decision:
        """Decides a request."""
    def begin(
        self,
        path: str,
        method: str = "POST",
        *,
        headers: _Headers = (),
        body: _Body = b"",
        token: str | None = None,
        claims: dict[str, Any] | None = None,
        peer: str | None = None,
    ) -> Decision | Pending:
        """Decides a request, or returns what waits for the network."""
    def models(
        self,
        *,
        headers: _Headers = (),
        token: str | None = None,
        claims: dict[str, Any] | None = None,
        peer: str | None = None,
    ) -> list[str]:
        """The names of the models that the caller may use, as `/v1/models` lists them. Empty if that request is denied."""
    def reload(self) -> Literal["loaded", "unchanged", "refused"]:
        """Reads the files again, if they changed. `refused`: they are invalid, and the rules before stay active."""
    def status(self) -> Any:
        """The state of reloading."""
    @property
    def last_error(self) -> str | None:
        """Why the files were refused at last; `None` if they were not. The rules before stay active."""
    def close(self) -> None:
        """Ends the threads. Later decisions raise `RuntimeError`."""
