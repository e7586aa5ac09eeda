"""A connection as the clients see it, and how it ends; `voxgate.client.socket` makes real ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

LOST = 1006
"""The code of a connection that broke without a word; never sent (source: RFC 6455, section 7.4.1)."""


class Cut(Exception):
    """The connection is over.

    Args:
        code: it was closed with; `LOST` when it was not closed but broke.
        reason: what the server said to it.
    """

    def __init__(self, code: int = LOST, reason: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason


class Link(Protocol):
    """Carries messages both ways, in order."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the answer to the upgrade."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send a message, waiting for room; raises `Cut`."""
        ...

    async def receive(self) -> str | bytes:
        """Wait for the next message; raises `Cut` when all that came before it was given out."""
        ...

    async def aclose(self) -> None:
        """Hang up politely. Nothing if it is over already."""
        ...

    def abort(self) -> None:
        """Hang up at once."""
        ...


Dial = Callable[[], Awaitable[Link]]
"""Makes a connection, or raises a `VoxgateError`."""
