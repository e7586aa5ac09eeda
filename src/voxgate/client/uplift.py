"""A client of the Uplift-style multi-stream WebSocket: one connection, any number of requests at once.

::

    async with connect("http://127.0.0.1:8080", key) as connection:
        one = await connection.speak("First.")
        two = await connection.speak("Second.", SpeechOptions(output_format="MP3_22050_64"))
        async for event in one:
            ...

Each request has an id of its own, never used twice, and a buffer of its own (`ROOM_BYTES`). The pieces of all
requests come over one line, so a full buffer holds up the others: while nobody waits for these, the server is
made to wait. Else a request of which nothing was handed out is stopped, and asked for anew when it is read;
one that was begun ends with `Overloaded`, after what its buffer holds.

**When the connection is lost**, it is made again as soon as a request needs it. Requests of which no audio
was handed out are asked for again under new ids, from the beginning, and what had come of them is thrown
away; the first event of each is then a `Reconnected`. A request that was begun gives out what has come and
ends with `voxgate.client.errors.Interrupted`. One whose end has come is whole, and not touched.

Source: Uplift docs, WebSocket page, and SDK; this is the plain WebSocket, which bears the same messages as
Socket.IO does.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from voxgate.client import uplift_frames
from voxgate.client.address import socket_address
from voxgate.client.errors import Interrupted
from voxgate.client.events import Audio, Event, Final, Reconnected
from voxgate.client.link import Cut, Dial, Link
from voxgate.client.refusals import error_of_close
from voxgate.client.retry import Retry
from voxgate.client.socket import open_link
from voxgate.client.uplift_frames import Ended, Piece, Ready, Refused, SpeechOptions, read_message
from voxgate.client.uplift_speech import Speech
from voxgate.errors import InvalidRequest, Overloaded, ProviderTimeout, VoxgateError

__all__ = [
    "Audio",
    "Connection",
    "Event",
    "Final",
    "Reconnected",
    "Speech",
    "SpeechOptions",
    "connect",
]

PATH = "/v1/text-to-speech/multi-stream"
ROOM_BYTES = 4 << 20
"""Of audio that waits to be read, each request: 95 s of PCM at 22,050 Hz."""


@asynccontextmanager
async def connect(
    server: str,
    key: str | None,
    *,
    timeout_s: float = 10.0,
    retry: Retry | None = None,
    room_bytes: int = ROOM_BYTES,
) -> AsyncIterator[Connection]:
    """Open a connection, and close it at the block's end; requests that run then end.

    Args:
        server: its address, ``http://127.0.0.1:8080``.
        key: API key.
        timeout_s: for a connection to be made and to be ready.
        retry: when to connect again after the connection was lost. The first is tried once.
        room_bytes: of audio that may wait to be read, each request.

    Raises:
        VoxgateError: as `voxgate.client.telnyx.connect` says.
    """
    dial = partial(open_link, socket_address(server, PATH), key, timeout_s, server=server)
    connection = await Connection.open(dial, retry, timeout_s=timeout_s, room_bytes=room_bytes)
    try:
        yield connection
    finally:
        await connection.aclose()


class Connection:
    """Carries requests. Made by `connect`."""

    def __init__(self, dial: Dial, link: Link, retry: Retry, timeout_s: float, room_bytes: int) -> None:
        self._dial = dial
        self._link: Link | None = link
        self._timeout_s = timeout_s
        self._room_bytes = room_bytes
        self._series = retry.series()
        self._most_asked = retry.backoff.attempts + 1
        self._sending = asyncio.Lock()
        self._open: dict[str, Speech] = {}  # by the id on the wire
        self._unasked: list[Speech] = []  # to be asked for once there is a connection
        self._aside: set[Speech] = set()  # put off
        self._changed = asyncio.Event()
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._closed = False
        self._keeping = asyncio.create_task(self._keep(), name="uplift-client")

    @classmethod
    async def open(
        cls,
        dial: Dial,
        retry: Retry | None = None,
        *,
        timeout_s: float = 10.0,
        room_bytes: int = ROOM_BYTES,
    ) -> Connection:
        """Connect over anything that carries messages; raises what ``dial`` raises."""
        link = await _ready(dial, timeout_s)
        return cls(dial, link, retry or Retry(), timeout_s, room_bytes)

    async def speak(self, text: str, options: SpeechOptions | None = None) -> Speech:
        """Ask for a text to be spoken.

        Args:
            text: up to 10,000 characters; a server counts 60 requests a minute.
            options: how.

        Raises:
            InvalidRequest: the connection was closed by us.
        """
        if self._closed:
            raise InvalidRequest("The connection is closed: nothing can be asked for on it")
        speech = Speech(self, text, options or SpeechOptions())
        await self._ask(speech)
        return speech

    async def aclose(self) -> None:
        """Hang up; requests that run end with what their buffers hold."""
        self._closed = True
        self._keeping.cancel()
        await asyncio.wait([self._keeping])
        for speech in list(self._all()):
            speech.stop()
        link, self._link = self._link, None
        if self._goodbyes:
            await asyncio.wait(self._goodbyes)
        if link is not None:
            await link.aclose()

    # What a request needs of its connection.

    def changed(self) -> None:
        """Take note that there is room, or that somebody waits."""
        self._changed.set()

    def ask_again(self, speech: Speech) -> None:
        """Ask for what was put off, now that it is read."""
        self._aside.discard(speech)
        self._unasked.append(speech)
        self._spawn(self._ask_all())

    def forget(self, speech: Speech) -> None:
        """Stop a request: tell the server, and let its audio pass by."""
        self._aside.discard(speech)
        if speech in self._unasked:
            self._unasked.remove(speech)
        if self._open.pop(speech.wire_id, None) is not None:
            self._spawn(self._write(uplift_frames.cancel(speech.wire_id)))
        self.changed()

    # Sending.

    async def _ask(self, speech: Speech) -> None:
        self._unasked.append(speech)
        await self._ask_all()

    async def _ask_all(self) -> None:
        async with self._sending:
            while self._unasked and self._link is not None:
                speech = self._unasked.pop(0)
                speech.wire_id = uuid.uuid4().hex
                self._open[speech.wire_id] = speech
                with suppress(Cut):  # the reader learns of it, and asks again
                    message = uplift_frames.synthesize(speech.wire_id, speech.text, speech.options)
                    await self._link.send(message)
        self.changed()

    async def _write(self, message: str) -> None:
        async with self._sending:
            if self._link is not None:
                with suppress(Cut):
                    await self._link.send(message)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="uplift-client-send")
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    # Receiving.

    async def _keep(self) -> None:
        """Read as long as there is a connection, and make one when a request needs it."""
        error: VoxgateError | None = None
        while True:
            if self._link is None:
                while not self._unasked:
                    self._changed.clear()
                    await self._changed.wait()
                try:
                    self._link = await self._reconnect(error)
                except VoxgateError as failed:
                    self._fail_all(failed)
                    self._series.forget()  # the next request begins with a try
                    error = None
                    continue
                await self._ask_all()
            lost = await self._read_all(self._link)
            self._link.abort()
            self._link = None
            self._part(lost)
            error = lost if self._unasked else None

    async def _reconnect(self, error: VoxgateError | None) -> Link:
        while True:
            if error is not None:
                await self._series.pause(error)
            try:
                return await _ready(self._dial, self._timeout_s)
            except VoxgateError as failed:
                error = failed

    async def _read_all(self, link: Link) -> VoxgateError:
        """Read until the connection is over; returns why it is."""
        while True:
            try:
                message = read_message(await link.receive())
            except Cut as cut:
                return error_of_close(cut.code, cut.reason)
            except VoxgateError as error:  # no message of this protocol
                self._fail_all(error)
                return error
            match message:
                case Piece(request_id, data, sequence) if request_id in self._open:
                    await self._deliver(self._open[request_id], data, sequence)
                case Ended(request_id) if request_id in self._open:
                    self._open.pop(request_id).end()
                    self._series.forget()
                case Refused(None, refusal):
                    self._fail_all(refusal)
                case Refused(str() as request_id, refusal) if request_id in self._open:
                    self._open.pop(request_id).fail(refusal)

    async def _deliver(self, speech: Speech, data: bytes, sequence: int) -> None:
        wire_id = speech.wire_id
        while speech.waiting_bytes >= self._room_bytes and self._open.get(wire_id) is speech:
            if any(other.starving for other in self._open.values()):
                self._put_off(speech)
                return
            self._changed.clear()
            await self._changed.wait()
        if self._open.get(wire_id) is speech and not speech.take(data, sequence):
            self.forget(speech)

    def _put_off(self, speech: Speech) -> None:
        """Make way for requests that somebody waits for."""
        self.forget(speech)
        if speech.handed_out:
            speech.fail(Overloaded("The audio was not read in time, and held up other requests"))
        else:
            speech.put_off()
            self._aside.add(speech)

    def _part(self, error: VoxgateError) -> None:
        """The connection is over: settle what becomes of each request."""
        speeches, self._open = list(self._open.values()), {}
        for speech in speeches:
            if speech.handed_out:
                lost = Interrupted("The connection was lost in the middle of the speech")
                lost.__cause__ = error
                speech.fail(lost)
            elif speech.asked >= self._most_asked or not error.retryable:
                speech.fail(error)
            else:
                speech.begin_again(self._series.failures + 1)
                self._unasked.append(speech)

    def _fail_all(self, error: VoxgateError) -> None:
        for speech in list(self._all()):
            speech.fail(error)
        self._open.clear()
        self._unasked.clear()
        self._aside.clear()

    def _all(self) -> Iterator[Speech]:
        yield from self._open.values()
        yield from self._unasked
        yield from self._aside


async def _ready(dial: Dial, timeout_s: float) -> Link:
    """Connect, and wait until the server says that it is ready."""
    link = await dial()
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                match read_message(await link.receive()):
                    case Ready():
                        return link
                    case Refused(_, error):
                        raise error
    except Cut as cut:
        raise error_of_close(cut.code, cut.reason) from None
    except TimeoutError:
        link.abort()
        raise ProviderTimeout(f"The server was not ready within {timeout_s:g} seconds") from None
    except BaseException:
        link.abort()
        raise
