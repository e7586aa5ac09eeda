"""One served WebSocket: messages are taken in order while speech goes out beside them."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, ClassVar

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from voxgate.testing.emulators.base import EmulatedClose, Emulator


class Session(ABC):
    """Serves a socket until either side ends it. One instance for each.

    Args:
        emulator: whose socket it is.
        request: the upgrade.
        socket: prepared.

    Attributes:
        idle_s: a client that says nothing for so long is closed upon; None waits for ever.
    """

    idle_s: ClassVar[float | None] = None

    def __init__(self, emulator: Emulator, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.emulator = emulator
        self.request = request
        self.socket = socket
        self._ending: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._bug: BaseException | None = None

    async def serve(self) -> None:
        """Take messages until the client goes, is idle for too long, or `end` was called."""
        try:
            await self.opened()
            while (message := await self._next()) is not None:
                await self.take(message)
        except ConnectionError:
            pass  # the client went away while it was being answered
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        code, reason = self._ending.result() if self._ending.done() else (WSCloseCode.OK, b"")
        await self.socket.close(code=code, message=reason)
        if self._bug is not None:
            raise self._bug

    async def opened(self) -> None:
        """Say what the vendor says first."""
        return

    @abstractmethod
    async def take(self, message: WSMessage) -> None:
        """Act on a text or binary message."""

    def begin(self, speaking: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the messages; it is cancelled when the socket ends."""
        task = asyncio.create_task(self._run(speaking))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        task.add_done_callback(lambda _: speaking.close())  # what was cancelled before it began
        return task

    def end(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        """Close the socket once the message in hand was dealt with."""
        if not self._ending.done():
            self._ending.set_result((code, reason.encode()))

    async def _run(self, speaking: Coroutine[Any, Any, None]) -> None:
        try:
            await speaking
        except (EmulatedClose, ConnectionError):
            self.end()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._bug = error
            self.end(WSCloseCode.INTERNAL_ERROR)

    async def _next(self) -> WSMessage | None:
        receiving = asyncio.ensure_future(self.socket.receive())
        try:
            await asyncio.wait(
                (receiving, self._ending), timeout=self.idle_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            if not receiving.done():
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)
        if self._ending.done() or receiving.cancelled():
            return None
        message = receiving.result()
        return message if message.type in (WSMsgType.TEXT, WSMsgType.BINARY) else None
