"""One request of an Uplift-style connection: its buffer, and what it gives out."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from voxgate.client.events import Audio, Event, Final, Reconnected
from voxgate.client.uplift_frames import SpeechOptions
from voxgate.errors import IncompleteAudio, VoxgateError


class _Connection(Protocol):
    def changed(self) -> None: ...

    def ask_again(self, speech: Speech) -> None: ...

    def forget(self, speech: Speech) -> None: ...


class Speech:
    """A text that is being spoken: an iterator of events, by one reader. Made by `Connection.speak`.

    Attributes:
        text: what is spoken.
        options: how.
        wire_id: the request's id on the wire; a new one each time that it is asked for.
        asked: how often it was lost and asked for again.
        handed_out: whether any audio was given out.
        starving: whether somebody waits for audio of it.
    """

    def __init__(self, connection: _Connection, text: str, options: SpeechOptions) -> None:
        self.text = text
        self.options = options
        self.wire_id = ""
        self.asked = 1
        self.handed_out = False
        self.starving = False
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._sequence = 0
        self._reconnected: Reconnected | None = None
        self._is_put_off = False
        self._over: VoxgateError | bool = False  # True: to its end
        self._told_final = False
        self._stopped = False
        self._news = asyncio.Event()

    def __aiter__(self) -> Speech:
        return self

    async def __anext__(self) -> Event:
        """Wait for the next event.

        Raises:
            Interrupted: the connection was lost when audio had been handed out already.
            VoxgateError: the server could not speak it.
        """
        while not self._stopped:
            if self._reconnected is not None:
                told, self._reconnected = self._reconnected, None
                return told
            if self._pieces:
                return self._next_piece()
            if isinstance(self._over, VoxgateError):
                error, self._stopped = self._over, True
                raise error
            if self._over and not self._told_final:
                self._told_final = True
                return Final()
            if self._told_final:
                break
            await self._wait()
        raise StopAsyncIteration

    def cancel(self) -> None:
        """Stop: the server is told, and nothing more is given out. The connection goes on."""
        self.stop()
        self._connection.forget(self)

    # For the connection.

    @property
    def waiting_bytes(self) -> int:
        """Of audio that came and was not given out yet."""
        return self._waiting_bytes

    def take(self, data: bytes, sequence: int) -> bool:
        """Take a piece of audio; returns False when one before it is missing, and the speech has failed.

        One that came before already is left out.
        """
        if sequence > self._sequence:
            self.fail(IncompleteAudio("A piece of the audio is missing"))
            return False
        if sequence == self._sequence:
            self._sequence += 1
            if data:
                self._pieces.append(data)
                self._waiting_bytes += len(data)
                self._news.set()
        return True

    def end(self) -> None:
        """All of it has come."""
        if self._sequence:
            self._over = self._over or True
        else:
            self._over = IncompleteAudio("The server sent no audio")
        self._news.set()

    def fail(self, error: VoxgateError) -> None:
        """No more comes; what came is still given out."""
        self._over = self._over or error
        self._news.set()

    def stop(self) -> None:
        """Give nothing more out."""
        self._stopped = True
        self._pieces.clear()
        self._waiting_bytes = 0
        self._news.set()

    def begin_again(self, failures: int) -> None:
        """It is asked for anew: what came of it and was not given out is worth nothing."""
        self._drop()
        self.asked += 1
        self._reconnected = Reconnected(failures)
        self._news.set()

    def put_off(self) -> None:
        """It has made way for others, and is asked for anew when somebody reads it."""
        self._drop()
        self._is_put_off = True

    def _drop(self) -> None:
        self._pieces.clear()
        self._waiting_bytes = self._sequence = 0

    def _next_piece(self) -> Audio:
        data = self._pieces.popleft()
        self._waiting_bytes -= len(data)
        self.handed_out = True
        self._connection.changed()
        return Audio(data)

    async def _wait(self) -> None:
        if self._is_put_off:
            self._is_put_off = False
            self._connection.ask_again(self)
        self._news.clear()
        self.starving = True
        self._connection.changed()
        try:
            await self._news.wait()
        finally:
            self.starving = False
