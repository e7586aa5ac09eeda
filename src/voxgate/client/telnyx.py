"""A client of the Telnyx-style text-to-speech WebSocket.

::

    async with connect("http://127.0.0.1:8080", key, SpeechOptions(voice="Local.Espeak.en-gb")) as speech:
        await speech.send("Hello.")
        await speech.end()
        async for event in speech:
            match event:
                case Audio(data=data):
                    file.write(data)

Texts are sent and events are read independently, best in two tasks: a server that cannot deliver stops
reading. At most 16 messages wait to be read (`voxgate.client.socket`); then the server waits.

**When the connection is lost**, what was sent is sent again on a new one, as long as no audio of it was
handed out; a `Reconnected` tells of it. Afterwards `voxgate.client.errors.Interrupted` is raised: no frame
says which of the texts a piece of audio belongs to. A `Final` makes the session as good as new only when a
single piece of text was sent before it: of several, the last may have crossed it on the way. So send a turn
in one piece, or open a session for each, if it matters.

Source: Telnyx docs, WebSocket configuration and messages pages. The audio of every frame is taken, with its
text or without. (Old servers of Telnyx's sent a sentence's audio again with its text; ours never does.)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial

import orjson

from voxgate.client.address import socket_address
from voxgate.client.errors import Interrupted
from voxgate.client.events import Audio, Event, Final, Reconnected
from voxgate.client.link import Cut, Dial, Link
from voxgate.client.refusals import error_of_close
from voxgate.client.retry import Retry
from voxgate.client.socket import CLOSE_TIMEOUT_S, open_link
from voxgate.client.telnyx_frames import Fault, SpeechOptions, read_frame
from voxgate.errors import InvalidRequest, SynthesisError, VoxgateError

__all__ = ["Audio", "Event", "Final", "Reconnected", "Speech", "SpeechOptions", "connect"]

PATH = "/v2/text-to-speech/speech"
VOICE_HEADER = "X-Voxgate-Voice"
MAX_KEPT_CHARACTERS = 100_000
"""Of text that was sent and not yet heard, kept to be sent again; a server holds no more of it either."""
_GOOD_CODES = (1000, 1001)


@asynccontextmanager
async def connect(
    server: str,
    key: str | None,
    options: SpeechOptions | None = None,
    *,
    timeout_s: float = 10.0,
    retry: Retry | None = None,
) -> AsyncIterator[Speech]:
    """Open a session, and close it at the block's end.

    Args:
        server: its address, ``http://127.0.0.1:8080``.
        key: API key.
        options: how to speak.
        timeout_s: for the connection to be made.
        retry: when to connect again after the connection was lost. The first is tried once.

    Raises:
        ConfigurationError: the address is none.
        NotAuthenticated: no key, or a wrong one.
        RequestError: a voice or format that the server does not have, or that the key may not use.
        CapacityError: the server is full, or the key's limit is reached.
        ProviderUnavailable: there is no such server there, or it does not answer.
    """
    options = options or SpeechOptions()
    address = f"{socket_address(server, PATH)}?{options.query()}"
    dial = partial(open_link, address, key, timeout_s, server=server)
    speech = await Speech.open(dial, options, retry)
    try:
        yield speech
    finally:
        await speech.aclose()


class Speech:
    """One session: texts in, events out. Made by `connect`.

    Attributes:
        spoken_by: the voice that really speaks where it stands in for another, as the server names it.
    """

    def __init__(self, dial: Dial, link: Link, options: SpeechOptions, retry: Retry) -> None:
        self._dial = dial
        self._link = link
        self._options = options
        self._series = retry.series()
        self._sending = asyncio.Lock()
        self._sent = _Sent()
        self._ended = False
        self._cancelled = False
        self._left = False
        self._asked = False  # for speech, since the last final
        self._fault = ""
        self.spoken_by = link.headers.get(VOICE_HEADER)

    @classmethod
    async def open(cls, dial: Dial, options: SpeechOptions, retry: Retry | None = None) -> Speech:
        """Connect over anything that carries messages; raises what ``dial`` raises."""
        speech = cls(dial, await dial(), options, retry or Retry())
        await speech._begin()
        return speech

    async def send(self, text: str, *, flush: bool = False) -> None:
        """Send the next piece of text; it is spoken once a sentence is complete.

        Nothing happens when the connection is over already: reading the events tells why, or mends it.

        Args:
            text: empty is nothing; a piece on the wire may have 256 KiB.
            flush: speak all that was sent, sentence or not.

        Raises:
            InvalidRequest: the session was ended.
        """
        if text or flush:
            await self._send({"text": text or " ", **({"flush": True} if flush else {})})
            self._asked = True

    async def interrupt(self, text: str = "") -> None:
        """Stop speaking and forget what was sent, then go on with ``text``.

        Audio that was on its way already still comes; nothing on the wire marks where it ends.
        """
        await self._send({"force": True, **({"text": text} if text else {})})
        self._asked = bool(text)

    async def end(self) -> None:
        """Say that no more text comes: what is left is spoken, then the events end. Twice is once."""
        if not self._ended:
            await self._send({"text": ""})
            self._ended = self._asked = True

    def cancel(self) -> None:
        """Hang up at once: no further event is given out, and the server stops speaking."""
        self._cancelled = True
        self._link.abort()

    async def aclose(self) -> None:
        """Hang up politely. Nothing if the connection is over already."""
        self._left = True
        await self._link.aclose()

    def __aiter__(self) -> Speech:
        return self

    async def __anext__(self) -> Event:
        """Wait for the next event.

        Raises:
            Interrupted: the connection was lost when audio had been handed out already.
            VoxgateError: the server could not speak, or went away before it was done.
        """
        while True:
            try:
                message = await self._next_message()
            except Cut as cut:
                if self._cancelled or self._left or self._ended_well(cut):
                    raise StopAsyncIteration from None
                return await self._recover(error_of_close(cut.code, self._fault or cut.reason))
            if self._cancelled:
                raise StopAsyncIteration
            match self._read(message):
                case Fault(told):
                    self._fault = told
                case Final() as final:
                    self._asked = False
                    self._sent.final()
                    return final
                case Audio() as audio:
                    self._series.forget()
                    self._sent.heard()
                    return audio

    async def _next_message(self) -> str | bytes:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S if self._fault else None):
                return await self._link.receive()
        except TimeoutError:
            self.cancel()
            raise SynthesisError(self._fault) from None

    async def _recover(self, error: VoxgateError) -> Reconnected:
        """Say it all again on a new connection, if that is safe and can be."""
        if self._fault or not error.retryable:
            raise error
        again = self._sent.again()
        if again is None:
            raise Interrupted("The connection was lost in the middle of the speech") from error
        while True:
            await self._series.pause(error)
            try:
                link = await self._dial()
                break
            except VoxgateError as failed:
                error = failed
        if self._cancelled or self._left:
            link.abort()
            raise StopAsyncIteration
        async with self._sending:
            self._link = link
            self.spoken_by = link.headers.get(VOICE_HEADER)
            await self._begin()
            for frame in self._sent.again() or ():
                await self._write(frame)
        return Reconnected(self._series.failures)

    async def _begin(self) -> None:
        await self._write(self._options.init_frame())

    async def _send(self, frame: Mapping[str, object]) -> None:
        async with self._sending:
            if self._ended:
                raise InvalidRequest("The session was ended: nothing more can be said in it")
            self._sent.add(frame)
            await self._write(frame)

    async def _write(self, frame: Mapping[str, object]) -> None:
        with suppress(Cut):  # reading the events tells why
            await self._link.send(orjson.dumps(frame).decode())

    def _read(self, message: str | bytes) -> Audio | Final | Fault | None:
        try:
            return read_frame(message)
        except SynthesisError:
            self.cancel()
            raise

    def _ended_well(self, cut: Cut) -> bool:
        return cut.code in _GOOD_CODES and not self._fault and not self._asked


class _Sent:
    """What was sent since it was last certain that all was heard, as long as it may be sent again."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._frames: list[Mapping[str, object]] = []
        self._characters = 0
        self._count = 0
        self._heard = False

    def add(self, frame: Mapping[str, object]) -> None:
        text = str(frame.get("text", ""))
        if "force" in frame:
            # A final that is under way may be that of the speech before it: from here on none is certain.
            self._frames, self._characters, self._count, self._heard = [], 0, 2, False
            frame = {"text": text}
            if not text:
                return
        self._count += 1
        self._characters += len(text)
        if not self._heard and self._characters <= MAX_KEPT_CHARACTERS:
            self._frames.append(frame)

    def heard(self) -> None:
        self._heard = True
        self._frames.clear()

    def final(self) -> None:
        if self._count <= 1:
            self._forget()

    def again(self) -> list[Mapping[str, object]] | None:
        """Return the frames to send again; None when that would leave something out or say it twice."""
        return None if self._heard or self._characters > MAX_KEPT_CHARACTERS else self._frames
