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

Source: Telnyx docs, WebSocket configuration and messages pages. The audio of every frame is taken, with its
text or without. (Old servers of Telnyx's sent a sentence's audio again with its text; ours never does.)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from voxgate.client.refusals import error_of_close
from voxgate.client.socket import CLOSE_TIMEOUT_S, open_socket
from voxgate.client.telnyx_frames import Audio, Event, Fault, Final, SpeechOptions, read_frame
from voxgate.errors import InvalidRequest, SynthesisError

__all__ = ["Audio", "Event", "Final", "Speech", "SpeechOptions", "connect"]

PATH = "/v2/text-to-speech/speech"
VOICE_HEADER = "X-Voxgate-Voice"
_GOOD_CODES, _NO_CODE = (1000, 1001), 1006


@asynccontextmanager
async def connect(
    server: str, key: str | None, options: SpeechOptions | None = None, *, timeout_s: float = 10.0
) -> AsyncIterator[Speech]:
    """Open a session, and close it at the block's end.

    Args:
        server: its address, ``http://127.0.0.1:8080``.
        key: API key.
        options: how to speak.
        timeout_s: for the connection to be made.

    Raises:
        ConfigurationError: the address is none.
        NotAuthenticated: no key, or a wrong one.
        RequestError: a voice or format that the server does not have, or that the key may not use.
        CapacityError: the server is full, or the key's limit is reached.
        ProviderUnavailable: there is no such server there, or it does not answer.
    """
    options = options or SpeechOptions()
    speech = Speech(await open_socket(server, PATH, options.query(), key, timeout_s))
    try:
        await speech._begin(options)
        yield speech
    finally:
        await speech.aclose()


class Speech:
    """One session: texts in, events out. Made by `connect`.

    Attributes:
        spoken_by: the voice that really speaks where it stands in for another, as the server names it.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ended = False
        self._cancelled = False
        self._asked = False  # for speech, since the last final
        self._fault = ""
        response = socket.response
        self.spoken_by = response.headers.get(VOICE_HEADER) if response is not None else None

    async def send(self, text: str, *, flush: bool = False) -> None:
        """Send the next piece of text; it is spoken once a sentence is complete.

        Nothing happens when the connection is over already: reading the events tells why.

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
        self._socket.transport.abort()

    async def aclose(self) -> None:
        """Hang up politely. Nothing if the connection is over already."""
        await self._socket.close()

    def __aiter__(self) -> Speech:
        return self

    async def __anext__(self) -> Event:
        """Wait for the next event.

        Raises:
            VoxgateError: the server could not speak, or went away before it was done.
        """
        while True:
            message = await self._next_message()
            if message is None or self._cancelled:
                raise StopAsyncIteration
            match self._read(message):
                case Fault(told):
                    self._fault = told
                case Final() as final:
                    self._asked = False
                    return final
                case Audio() as audio:
                    return audio

    async def _next_message(self) -> str | bytes | None:
        """Wait for it; None at the end."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S if self._fault else None):
                return await self._socket.recv()
        except ConnectionClosed as closed:
            if not self._cancelled:
                self._judge(closed)
            return None
        except TimeoutError:
            self.cancel()
            raise SynthesisError(self._fault) from None

    async def _begin(self, options: SpeechOptions) -> None:
        with suppress(ConnectionClosed):  # reading the events tells why, here and below
            await self._socket.send(options.init_frame(), text=True)

    async def _send(self, frame: Mapping[str, object]) -> None:
        if self._ended:
            raise InvalidRequest("The session was ended: nothing more can be said in it")
        with suppress(ConnectionClosed):
            await self._socket.send(orjson.dumps(frame), text=True)

    def _read(self, message: str | bytes) -> Event | Fault | None:
        try:
            return read_frame(message)
        except SynthesisError:
            self.cancel()
            raise

    def _judge(self, closed: ConnectionClosed) -> None:
        """Raise unless the connection ended as it should."""
        code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (_NO_CODE, "")
        if code not in _GOOD_CODES or self._fault or self._asked:
            raise error_of_close(code, self._fault or reason)
