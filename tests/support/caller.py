"""A caller of a voice session, written from the vendor's documentation alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

FRAME_BYTES, FRAME_S = 640, 0.02


async def ask_token(url: str, key: str, **options: Any) -> tuple[int, dict[str, Any]]:
    """POST for a session token with an empty body, as the web guide's page does."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/api/v1/sdk/token", headers=headers, **options) as response,
    ):
        return response.status, await response.json()


@dataclass
class Caller:
    """A line to the agent: a microphone that sends silence until it is given speech, and an ear."""

    socket: ClientConnection
    messages: list[dict[str, Any]] = field(default_factory=list)
    audio: list[tuple[float, bytes]] = field(default_factory=list)
    close_code: int | None = None
    sent_s: float = 0.0
    _speech: bytearray = field(default_factory=bytearray)
    _said: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Caller:
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._talk())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def say(self, pcm: bytes) -> float:
        """Speak in real time; return when it was all sent, with the time at which it was."""
        self._said.clear()
        self._speech += pcm
        await self._said.wait()
        return asyncio.get_running_loop().time()

    async def until(self, kind: str, count: int = 1, timeout_s: float = 20.0) -> dict[str, Any]:
        """Wait for the ``count``-th message of a type."""
        async with asyncio.timeout(timeout_s):
            while len(found := self.of_type(kind)) < count:  # noqa: ASYNC110 - filled by the listener
                await asyncio.sleep(0.005)
        return found[count - 1]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of a type so far."""
        return [message for message in self.messages if message["type"] == kind]

    async def until_quiet(self, quiet_s: float = 0.4, timeout_s: float = 40.0) -> None:
        """Wait until the agent has spoken and then sent nothing for a while."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout_s):
            while not self.audio or loop.time() - self.audio[-1][0] < quiet_s:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)

    async def until_closed(self, timeout_s: float = 20.0) -> int | None:
        """Wait for the end and return the close code."""
        await asyncio.wait_for(asyncio.shield(self._tasks[0]), timeout_s)
        return self.close_code

    def heard(self) -> bytes:
        """All the agent's audio so far."""
        return b"".join(frame for _, frame in self.audio)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionClosed):
            async for message in self.socket:
                if isinstance(message, bytes):
                    self.audio.append((loop.time(), message))
                else:
                    self.messages.append(json.loads(message))
        self.close_code = self.socket.close_code

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        with suppress(ConnectionClosed):
            while True:
                frame = bytes(self._speech[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
                del self._speech[:FRAME_BYTES]
                await self.socket.send(frame)
                if not self._speech:
                    self._said.set()
                next_s += FRAME_S
                await asyncio.sleep(max(0.0, next_s - loop.time()))


@asynccontextmanager
async def call(url: str, key: str, *, events: bool = True, **options: Any) -> AsyncIterator[Caller]:
    """Get a token, connect, and send it."""
    status, answer = await ask_token(url, key, **options)
    assert status == 200, answer
    async with connect(answer["ws_url"], compression=None) as socket:
        first = {"token": answer["token"]}
        await socket.send(json.dumps({**first, "events": True} if events else first))
        async with Caller(socket) as caller:
            yield caller
