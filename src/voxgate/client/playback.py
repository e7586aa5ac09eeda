"""Audio in the order in which it was asked for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager

from voxgate.client.events import Audio, Event, Speaking
from voxgate.errors import InvalidRequest

ROOM = 64
"""Speeches that may wait to be played; then whoever adds waits."""


async def audio_of(events: AsyncIterable[Event]) -> AsyncIterator[bytes]:
    """Yield only the audio of a speech."""
    async for event in events:
        if isinstance(event, Audio) and event.data:
            yield event.data


async def whole(events: AsyncIterable[Event]) -> bytes:
    """Return all the audio of a speech; raises what goes wrong with it."""
    return b"".join([piece async for piece in audio_of(events)])


class Playout:
    """Hands out the audio of speeches one after another, each whole, in the order in which they were added.

    ::

        async with playout() as line:
            for sentence in sentences:
                await line.add(await connection.speak(sentence))
            line.finish()
            async for piece in line:
                play(piece)

    It may be added to while it is played, also in another task. Speeches whose turn has not come fill their
    own buffers meanwhile, each of which has its bound; nothing of them counts as handed out, so that a
    connection that is lost costs at most the one that is played. Made by `playout`.
    """

    def __init__(self, room: int) -> None:
        self._speeches: deque[Speaking] = deque()
        self._room = asyncio.Semaphore(room)
        self._changed = asyncio.Event()
        self._finished = False

    async def add(self, speech: Speaking) -> None:
        """Play this after what was added before, waiting for room.

        Raises:
            InvalidRequest: `finish` was called.
        """
        if self._finished:
            raise InvalidRequest("The playout was finished: nothing more can be played on it")
        await self._room.acquire()
        self._speeches.append(speech)
        self._changed.set()

    def finish(self) -> None:
        """Nothing more will be added: iterating ends when all was handed out."""
        self._finished = True
        self._changed.set()

    def interrupt(self) -> None:
        """Cancel all that was not handed out yet, and forget it. More may be added afterwards."""
        while self._speeches:
            speech = self._speeches[0]
            self._drop(speech)
            speech.cancel()

    def __aiter__(self) -> Playout:
        return self

    async def __anext__(self) -> bytes:
        """Wait for the next audio.

        Raises:
            VoxgateError: what goes wrong with the speech whose turn it is. The next ones can still be played.
        """
        while True:
            if self._speeches:
                piece = await self._next_of(self._speeches[0])
                if piece:
                    return piece
            elif self._finished:
                raise StopAsyncIteration
            else:
                self._changed.clear()
                await self._changed.wait()

    async def _next_of(self, speech: Speaking) -> bytes:
        """Wait for audio of a speech; nothing for another event or at its end."""
        try:
            event = await anext(aiter(speech))
        except StopAsyncIteration:
            self._drop(speech)
            return b""
        except Exception:
            self._drop(speech)
            raise
        return event.data if isinstance(event, Audio) and speech in self._speeches else b""

    def _drop(self, speech: Speaking) -> None:
        if speech in self._speeches:  # else it was interrupted meanwhile
            self._speeches.remove(speech)
            self._room.release()


@asynccontextmanager
async def playout(*, room: int = ROOM) -> AsyncIterator[Playout]:
    """Make a `Playout`; what it has not handed out at the block's end is cancelled.

    Args:
        room: speeches that may wait.
    """
    line = Playout(room)
    try:
        yield line
    finally:
        line.interrupt()
