"""A connection in memory, with a server on the other end that does what a test says; runs in virtual time."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from voxgate.client.link import LOST, Cut
from voxgate.errors import VoxgateError

ROOM = 8
"""Messages that may be under way to the client; then the server waits."""


class Wire:
    """Both ends: the client's is a `voxgate.client.link.Link`."""

    headers: Mapping[str, str]

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self.headers = headers or {}
        self.closed = False
        self._to_server: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._to_client: asyncio.Queue[str | bytes | Cut] = asyncio.Queue(ROOM)
        self._cut: Cut | None = None

    # The client's end.

    async def send(self, message: str | bytes) -> None:
        await asyncio.sleep(0)
        if self._cut is not None or self.closed:
            raise self._cut or Cut()
        self._to_server.put_nowait(message)

    async def receive(self) -> str | bytes:
        if self.closed:
            raise Cut()
        if self._cut is not None and self._to_client.empty():
            raise self._cut
        message = await self._to_client.get()
        if isinstance(message, Cut):
            raise message
        return message

    async def aclose(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            self._to_server.put_nowait(None)
            if self._to_client.empty():
                self._to_client.put_nowait(Cut())

    # The server's end.

    async def heard(self) -> Any:
        """Wait for the client's next message, as JSON if it is text; raises `Cut` when it has gone."""
        message = await self._to_server.get()
        if message is None:
            raise Cut()
        return json.loads(message) if isinstance(message, str) else message

    async def tell(self, message: str | bytes | None = None, /, **fields: object) -> None:
        if self.closed or self._cut is not None:
            raise Cut()
        await self._to_client.put(json.dumps(fields) if message is None else message)

    async def cut(self, code: int = LOST, reason: str = "") -> None:
        self._cut = Cut(code, reason)
        await self._to_client.put(self._cut)


Script = Callable[[Wire], Awaitable[None]]


class Servers:
    """What answers, one after another: a script for each connection, or an error that refuses it.

    Attributes:
        dialled_s: when, on the loop's clock.
    """

    def __init__(self, *scripts: Script | VoxgateError) -> None:
        self._scripts = list(scripts)
        self._tasks: list[asyncio.Task[None]] = []
        self.dialled_s: list[float] = []

    async def dial(self) -> Wire:
        await asyncio.sleep(0)
        self.dialled_s.append(asyncio.get_running_loop().time())
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        if isinstance(script, VoxgateError):
            raise script
        wire = Wire()
        self._tasks.append(asyncio.create_task(_run(script, wire)))
        return wire

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        for done in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(done, Exception):
                raise done


async def _run(script: Script, wire: Wire) -> None:
    with suppress(Cut):
        await script(wire)


@asynccontextmanager
async def servers(*scripts: Script | VoxgateError) -> AsyncIterator[Servers]:
    made = Servers(*scripts)
    try:
        yield made
    finally:
        await made.aclose()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
