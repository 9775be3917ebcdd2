"""The class `Rules`: its compiled part decides, and this part has what is easier to write in Python."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, TypedDict, cast

from ._native import Decision
from ._native import Rules as _Rules

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from ._native import _Body, _Headers


class Status(TypedDict):
    """The state of reloading."""

    generation: int
    """The generation of the active rules."""
    reloads: int
    """How many generations were activated since the start."""
    failures: int
    """How many attempts were refused since the start."""
    last_error: str | None
    """Why the last attempt was refused; `None` if it was not."""
    last_error_at: float | None
    """When it was refused, in seconds since 1970."""


class Rules(_Rules):
    """Rules from a LiteLLM configuration, which are reloaded when a file changes.

    Make one and keep it. It may be used by many threads at once, and in processes that are forked later.
    """

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        policies: str | os.PathLike[str] | None = None,
        *,
        watch: bool = True,
    ) -> Self:
        """Reads and validates the files, as `modelgate serve` does.

        `policies` is a directory of Cedar policies, or the URL of a policy bundle. `None`: `modelgate.policies` in the file
        decides. With `watch`, a change of a file is noticed; invalid files leave the rules before in place.

        Raises `ConfigError`, whose text names the file, the line and the fix.
        """
        return cls(path, policies, watch=watch)

    async def decide_async(
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
        """Decides as `decide` does, without blocking the event loop while the keys of a token are fetched."""
        begun = self.begin(path, method, headers=headers, body=body, token=token, claims=claims, peer=peer)
        if isinstance(begun, Decision):
            return begun
        return await asyncio.to_thread(begun.wait)

    def status(self) -> Status:
        """The state of reloading."""
        return cast(Status, super().status())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
