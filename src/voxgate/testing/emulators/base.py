"""What every emulator of a vendor has in common: a free port, speech that can be read back, and faults.

An emulator knows the vendor's documents and nothing of our adapter. It adds its routes, checks the key and
every field as the vendor documents it, notes what it was asked (`Emulator.asked`) and answers with
`Emulator.speech`. All audio goes out through `Emulator.send_body` or `Emulator.send_frames`, which carry out
`Emulator.faults`, so that each fault is known to all vendors without a line in their modules.
"""

from __future__ import annotations

import asyncio
import hmac
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import ClassVar, Self

from aiohttp import web

from voxgate.audio import wav
from voxgate.testing.scripted import tones

PIECE_BYTES = 4800
"""Of audio in each frame or write, where nothing says otherwise: 100 ms of PCM at 24 kHz."""
HUGE_BYTES = 64 * 1024 * 1024
GARBAGE = b"\x00{garbage"
"""Sent as it stands, without the vendor's frame."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong. ``..._after`` counts bytes of coded audio of one reply; None means never.

    Attributes:
        refuse_status: every request and upgrade is refused with this HTTP status, as the vendor words it.
        silent_after: nothing more comes, and nothing ends.
        reset_after: the connection is reset.
        close_after: the connection is closed politely, without the vendor's end mark.
        error_after: the vendor's own error message comes instead of more audio.
        garbage_after: something that is not the vendor's protocol at all.
        huge_after: one message of 64 MiB.
        slice_bytes: audio comes in pieces of so many bytes; 0 leaves the usual ones. Odd ones cut samples.
        header_in_every_piece: each piece of PCM comes with a WAV header of its own.
        wrong_rate_hz: the audio is made at this rate, whatever was asked; 0 makes what was asked.
        empty: success, and no audio.
        audio_after_end: a piece of audio is sent once more after the end mark.
        pause_after: with ``pause_s``, a pause in mid-reply.
        pause_s: how long it is.
        late_s: before the first audio.
        piece_s: between two pieces.
    """

    refuse_status: int = 0
    silent_after: int | None = None
    reset_after: int | None = None
    close_after: int | None = None
    error_after: int | None = None
    garbage_after: int | None = None
    huge_after: int | None = None
    slice_bytes: int = 0
    header_in_every_piece: bool = False
    wrong_rate_hz: int = 0
    empty: bool = False
    audio_after_end: bool = False
    pause_after: int | None = None
    pause_s: float = 0.0
    late_s: float = 0.0
    piece_s: float = 0.0


NO_FAULTS = Faults()


class EmulatedError(Exception):
    """The faults say that the vendor's own error comes now: the emulator sends it in the vendor's words."""


class EmulatedClose(Exception):
    """The faults say that the connection ends here without an end mark: the emulator just returns."""


@dataclass(slots=True)
class Asked:
    """One utterance that the emulator was asked to speak, as it understood it.

    Attributes:
        text: all of it; grows while text streams in.
        voice: the vendor's id.
        model: the vendor's id, where there is one.
        rate_hz: of the audio.
        format: in the vendor's word.
        settings: speed and the like, in the vendor's words.
        cancelled: the client took it back, or went away before its end.
        done: all of it was sent.
    """

    text: str = ""
    voice: str = ""
    model: str = ""
    rate_hz: int = 0
    format: str = ""
    settings: dict[str, object] = field(default_factory=dict)
    cancelled: bool = False
    done: bool = False


class Emulator(ABC):
    """A vendor's server on a free port of the loopback interface. Use as ``async with``.

    Args:
        key: the only key that it takes.
        faults: what goes wrong; may be set anew at any time.

    Attributes:
        provider: name of the section of the settings, and of the adapter's module, that this is for.
        voice: compound name of a voice that it knows.
        bad_voice: compound name of a voice that it refuses, though its name is well formed.
        keyless: it takes any key and none, as such servers do.
        wrong_key_status: of its answer to a key that it does not take.
        checked_by: the independent client that is satisfied with it, with its version; or that there is none.
        asked: every utterance, in the order in which they began.
        connections: sockets and requests being served at this moment.
        peak_connections: the most there ever were at once.
    """

    provider: ClassVar[str]
    voice: ClassVar[str]
    bad_voice: ClassVar[str]
    keyless: ClassVar[bool] = False
    wrong_key_status: ClassVar[int] = 401
    checked_by: ClassVar[str] = "our emulator only"

    def __init__(self, *, key: str = "emulated-key", faults: Faults = NO_FAULTS) -> None:
        self.key = key
        self.faults = faults
        self.asked: list[Asked] = []
        self.connections = 0
        self.peak_connections = 0
        self._port = 0
        self._runner: web.AppRunner | None = None

    @classmethod
    def suited(cls, settings: Mapping[str, object], faults: Faults = NO_FAULTS) -> Self:
        """Make one for an adapter with these settings; the same for all, where they choose no dialect."""
        return cls(faults=faults)

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:<port>``; sockets are there too, as ``ws://``."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        """`base_url` with the scheme of WebSockets."""
        return f"ws://127.0.0.1:{self._port}"

    def settings(self) -> dict[str, object]:
        """What the section ``[providers.<provider>]`` of the settings holds to reach this emulator."""
        return {"api_key": self.key, "base_url": self.base_url}

    @abstractmethod
    def add_routes(self, app: web.Application) -> None:
        """Add the vendor's endpoints."""

    @abstractmethod
    def refusal(self, status: int) -> web.Response:
        """Word a refusal with an HTTP status as the vendor does, e.g. 401, 404, 429, 500."""

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._counted], client_max_size=16 * 1024 * 1024)
        self.add_routes(app)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1, keepalive_timeout=3600
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            await asyncio.sleep(0)  # sockets are let go of one turn of the loop after they were closed

    def speech(self, text: str, rate_hz: int, *, speed: float = 1.0, volume: float = 1.0) -> bytes:
        """Return s16le mono PCM of ``text``; see `voxgate.testing.scripted.read_back`."""
        if self.faults.empty:
            return b""
        return tones(text, rate_hz=self.faults.wrong_rate_hz or rate_hz, speed=speed, volume=volume)

    def accepts(self, key: str | None) -> bool:
        """Whether a key is the right one."""
        return hmac.compare_digest((key or "").encode(), self.key.encode())

    async def send_body(
        self,
        request: web.Request,
        audio: bytes,
        headers: Mapping[str, str],
        asked: Asked,
        frame: Callable[[bytes], bytes] | None = None,
        end: bytes = b"",
        failure: bytes | None = None,
    ) -> web.StreamResponse:
        """Answer with a chunked body of coded audio, faults included.

        Bare audio cannot hold garbage: a JSON object comes instead of all of it.

        Args:
            request: to answer.
            audio: coded.
            headers: of the answer, ``Content-Type`` among them.
            asked: is marked as done, or as cancelled when the client goes away.
            frame: wraps each piece (a line of NDJSON, an SSE event); None sends bare audio.
            end: what the vendor sends behind the last piece.
            failure: what the vendor sends in its place when speech fails midway; None cuts the body.
        """
        faults = self.faults
        if frame is None and (faults.garbage_after is not None or faults.huge_after is not None):
            return web.json_response({"surprise": True})
        response = web.StreamResponse(headers=dict(headers))
        await response.prepare(request)
        try:
            async for piece in self.pieces(request, audio):
                await response.write(piece if frame is None or piece is GARBAGE else frame(piece))
            await response.write(end)
            if frame is not None and faults.audio_after_end:
                await response.write(frame(audio[:960]))
            await response.write_eof()
        except EmulatedError:
            if failure is None:
                _abort(request)
            else:
                await response.write(failure)
                await response.write_eof()
        except EmulatedClose:
            _abort(request)
        except (ConnectionError, asyncio.CancelledError):
            asked.cancelled = True
            raise
        else:
            asked.done = True
        return response

    async def send_frames(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        audio: bytes,
        frame: Callable[[bytes], str | bytes],
        before: int = 0,
    ) -> None:
        """Send coded audio over a socket, each piece in the vendor's frame.

        Args:
            request: that the socket was opened with.
            socket: to send over.
            audio: coded.
            frame: wraps each piece.
            before: bytes of the same reply that were sent already, where its text comes bit by bit.

        Raises:
            EmulatedError: send the vendor's error now.
            EmulatedClose: close the socket now.
        """
        async for piece in self.pieces(request, audio, before):
            await _send(socket, GARBAGE.decode() if piece is GARBAGE else frame(piece))

    async def send_late(
        self, socket: web.WebSocketResponse, audio: bytes, frame: Callable[[bytes], str | bytes]
    ) -> None:
        """To be called behind the end mark: sends a stale piece where the faults want one."""
        if self.faults.audio_after_end:
            await _send(socket, frame(audio[:960] or bytes(960)))

    async def pieces(self, request: web.Request, audio: bytes, before: int = 0) -> AsyncIterator[bytes]:
        """Cut coded audio into pieces, and carry out the faults between them; see `send_frames`."""
        faults, sent, step = self.faults, before, self.faults.slice_bytes or PIECE_BYTES
        await asyncio.sleep(0 if before else faults.late_s)
        while True:
            await self._befall(request, sent)
            if faults.garbage_after is not None and sent >= faults.garbage_after:
                yield GARBAGE
                raise EmulatedClose
            if faults.huge_after is not None and sent >= faults.huge_after:
                yield bytes(HUGE_BYTES)
                raise EmulatedClose
            begin = sent - before
            if begin >= len(audio):
                return
            piece = audio[begin : begin + min(step, self._until_fault(sent))]
            yield self._header() + piece if faults.header_in_every_piece else piece
            sent += len(piece)
            await asyncio.sleep(faults.piece_s)

    def _header(self) -> bytes:
        """Make a header as true as can be: of the rate that was asked for last."""
        return wav.header((self.asked[-1].rate_hz if self.asked else 0) or 24_000, 16)

    def _until_fault(self, sent: int) -> int:
        faults = self.faults
        points = (
            faults.silent_after, faults.reset_after, faults.close_after, faults.error_after,
            faults.garbage_after, faults.huge_after, faults.pause_after,
        )  # fmt: skip
        return min((point - sent for point in points if point is not None and point > sent), default=1 << 30)

    async def _befall(self, request: web.Request, sent: int) -> None:
        faults = self.faults
        if faults.pause_after == sent:
            await asyncio.sleep(faults.pause_s)
        if faults.silent_after is not None and sent >= faults.silent_after:
            await asyncio.Event().wait()
        if faults.reset_after is not None and sent >= faults.reset_after:
            _abort(request)
            raise EmulatedClose
        if faults.close_after is not None and sent >= faults.close_after:
            raise EmulatedClose
        if faults.error_after is not None and sent >= faults.error_after:
            raise EmulatedError

    @web.middleware
    async def _counted(
        self, request: web.Request, handler: Callable[[web.Request], object]
    ) -> web.StreamResponse:
        self.connections += 1
        self.peak_connections = max(self.peak_connections, self.connections)
        try:
            if self.faults.refuse_status:
                return self.refusal(self.faults.refuse_status)
            return await handler(request)  # type: ignore[misc, no-any-return]
        finally:
            self.connections -= 1


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _send(socket: web.WebSocketResponse, message: str | bytes) -> None:
    if isinstance(message, str):
        await socket.send_str(message)
    else:
        await socket.send_bytes(message)
