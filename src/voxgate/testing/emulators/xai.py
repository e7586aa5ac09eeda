"""xAI: the WebSocket and the HTTP endpoint at /v1/tts, and the list of voices.

Sources: docs.x.ai, the Voice reference with its machine-readable description of the socket, and Debugging
Errors (September 2026). ``text.clear`` and its answer ``audio.clear`` are not in them: pipecat-ai 1.14.0
knows them, and how timestamps come, from the live service (its pull request 4821).

As documented, a wrong key is 400 and a missing one 401. Where the documents are silent: an unknown voice is
404, anything else that is wrong in a query 400, both before the upgrade; an error for a message leaves the
socket open, a failed synthesis closes it; speech begins with a whole sentence or a hundred characters.

Not here: ``with_timestamps`` over HTTP, ``replace`` and ``session.update``. Tried by hand with both speech
services of pipecat-ai 1.14.0: utterances, words with their times, an interruption.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from http import HTTPStatus
from itertools import pairwise
from types import MappingProxyType
from typing import Any, ClassVar
from uuid import uuid4

import orjson
import pybase64
from aiohttp import WSCloseCode, WSMessage, web

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.testing.emulators._fields import Fields, Refused
from voxgate.testing.emulators._reply import Order, Reply, mp3, sentences_end
from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators._speech import seconds
from voxgate.testing.emulators.base import NO_FAULTS, Asked, EmulatedError, Emulator, Faults

_CODINGS: Mapping[str, tuple[Codec, Container, str]] = MappingProxyType(
    {
        "mp3": (Codec.MP3, Container.RAW, "audio/mpeg"),
        "wav": (Codec.PCM_S16LE, Container.WAV, "audio/wav"),
        "pcm": (Codec.PCM_S16LE, Container.RAW, "audio/pcm"),
        "mulaw": (Codec.MULAW, Container.RAW, "audio/basic"),
        "alaw": (Codec.ALAW, Container.RAW, "audio/alaw"),
    }
)
_RATES_HZ = (8000, 16000, 22050, 24000, 44100, 48000)
_BIT_RATES = (32000, 64000, 96000, 128000, 192000)
_LANGUAGE = re.compile(r"auto|[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE)
_VOICES = (
    "carina zagan helix orion luna iris altair zenith perseus helios lux kepler rigel cosmo celeste ursa "
    "sirius lumen castor naksh atlas ara eve leo rex sal"
).split()
_MOST_CHARACTERS = 15_000
_ENOUGH_CHARACTERS = 100


class XaiEmulator(Emulator):
    """xAI.

    Args:
        key: the only key that it takes.
        faults: what goes wrong.
        session_times: timestamps go on from one utterance on a socket to the next: the documents call them
            "session-relative", and do not say what a session is.
    """

    provider: ClassVar[str] = "xai"
    voice: ClassVar[str] = "xAI.eve"
    bad_voice: ClassVar[str] = "xAI.nobody"
    wrong_key_status: ClassVar[int] = 400
    checked_by: ClassVar[str] = "our emulator only; pipecat-ai 1.14.0 by hand"

    def __init__(
        self, *, key: str = "emulated-key", faults: Faults = NO_FAULTS, session_times: bool = False
    ) -> None:
        super().__init__(key=key, faults=faults)
        self.session_times = session_times

    def add_routes(self, app: web.Application) -> None:
        """Add the socket, which shares its path with the endpoint, and the list."""
        app.router.add_get("/v1/tts", self._stream)
        app.router.add_post("/v1/tts", self._speak)
        app.router.add_get("/v1/tts/voices", self._voices)
        app.router.add_get("/v1/tts/voices/{voice_id}", self._voice)

    def refusal(self, status: int) -> web.Response:
        """Word a refusal."""
        return _refuse(Refused("The emulator was told to refuse", status))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_key(request)
            query = Fields(request.query, spelled=True)
            order = _order(query, query.text("voice", "eve"), query)
            timestamps = query.flag("with_timestamps", default=False)
        except Refused as refused:
            return _refuse(refused)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await _Socket(self, request, socket, order, timestamps=timestamps).serve()
        return socket

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_key(request)
            fields = Fields.read(await request.read())
            output = fields.part("output_format")
            if "output_format" in fields:
                output.text("codec")
            order = _order(fields, fields.text("voice_id", "eve"), output)
            order.asked.text = fields.text("text", most=_MOST_CHARACTERS)
            if fields.flag("with_timestamps", default=False):
                raise Refused("The emulator has no timestamps over HTTP")
        except Refused as refused:
            return _refuse(refused)
        self.asked.append(order.asked)
        headers = {"Content-Type": _CODINGS[order.asked.format][2]}
        return await self.send_body(request, order.whole(self), headers, order.asked)

    async def _voices(self, request: web.Request) -> web.Response:
        try:
            self._check_key(request)
        except Refused as refused:
            return _refuse(refused)
        return web.json_response({"voices": [_show(voice) for voice in _VOICES]})

    async def _voice(self, request: web.Request) -> web.Response:
        try:
            self._check_key(request)
            return web.json_response(_show(_known(request.match_info["voice_id"])))
        except Refused as refused:
            return _refuse(refused)

    def _check_key(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.casefold() != "bearer" or not key:
            raise Refused("No authorization header was provided", 401)
        if not self.accepts(key):
            raise Refused("Incorrect API key provided", 400)


class _Socket(Session):
    """One utterance at a time: text, its end, audio, its end; or a clearing at any moment.

    Args:
        emulator: whose socket it is.
        request: the upgrade.
        socket: prepared.
        order: what every utterance on it is to be.
        timestamps: whether it tells when each character is heard.

    Attributes:
        characters: spoken in utterances before this one.
    """

    def __init__(
        self,
        emulator: XaiEmulator,
        request: web.Request,
        socket: web.WebSocketResponse,
        order: Order,
        *,
        timestamps: bool,
    ) -> None:
        super().__init__(emulator, request, socket)
        self.timestamps = timestamps
        self.session_times = emulator.session_times
        self.characters = 0
        self._order = order
        self._pending = ""
        self._all_said = False
        self._utterance: _Utterance | None = None

    async def take(self, message: WSMessage) -> None:
        """Act on one of the three messages."""
        try:
            fields = Fields.read(message.data)
            match fields.text("type"):
                case "text.delta":
                    self._speak(fields.text("delta", most=_MOST_CHARACTERS), end=False)
                case "text.done":
                    self._speak("", end=True)
                case "text.clear":
                    await self._clear()
                case _:
                    raise Refused("Unknown message type")
        except Refused as refused:
            await self.send({"type": "error", "message": refused.message})

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        await self.socket.send_str(orjson.dumps(message).decode())

    def forget(self) -> None:
        """Get ready for the next utterance."""
        self._utterance, self._pending, self._all_said = None, "", False

    def _speak(self, text: str, *, end: bool) -> None:
        if self._all_said:
            raise Refused("The utterance before is not done yet")
        if self._utterance is None:
            self._utterance = _Utterance(self, self._order.again())
            self._utterance.begin()
        self._pending += text
        everything = end or len(self._pending) >= _ENOUGH_CHARACTERS
        cut = len(self._pending) if everything else sentences_end(self._pending)
        if cut:
            self._utterance.say(self._pending[:cut])
            self._pending = self._pending[cut:]
        if end:
            self._all_said = True
            self._utterance.end()

    async def _clear(self) -> None:
        utterance = self._utterance
        self.forget()
        if utterance is not None:
            utterance.task.cancel()
            await asyncio.gather(utterance.task, return_exceptions=True)
            if self.emulator.faults.audio_after_end:
                await utterance.stale()
                await self.send({"type": "audio.done", "trace_id": str(uuid4())})
        await self.send({"type": "audio.clear"})


class _Utterance(Reply):
    def __init__(self, session: _Socket, order: Order) -> None:
        super().__init__(session, order)
        self._socket = session
        self._times: dict[str, Any] = {"graph_chars": [], "graph_times": []}

    def frame(self, piece: bytes) -> str:
        """Wrap audio; the first frame of a piece of text tells the times of all its characters."""
        message: dict[str, Any] = {"type": "audio.delta", "delta": pybase64.b64encode(piece).decode()}
        if self._socket.timestamps:
            message["audio_timestamps"] = self._times
            message["audio_duration"] = seconds(len(self._times["graph_chars"]), self.order.speed)
            self._times = {"graph_chars": [], "graph_times": []}
        return orjson.dumps(message).decode()

    def before(self, text: str) -> None:
        """Keep the times for the first frame."""
        before = self.characters + (self._socket.characters if self._socket.session_times else 0)
        edges = [seconds(before + index, self.order.speed) for index in range(len(text) + 1)]
        self._times = {"graph_chars": list(text), "graph_times": list(pairwise(edges))}

    async def run(self) -> None:
        """Speak, and say that it is done."""
        try:
            await self.speak()
        except EmulatedError:
            await self._socket.send({"type": "error", "message": "TTS failed: internal error"})
            self._socket.end(WSCloseCode.INTERNAL_ERROR)
            return
        self.asked.done = True
        self._socket.characters += self.characters
        self._socket.forget()
        await self._socket.send({"type": "audio.done", "trace_id": str(uuid4())})
        await self.stale()


def _order(fields: Fields, voice: str, output: Fields) -> Order:
    """Read what speech is to be; the format stands in an object of its own over HTTP. Raises `Refused`."""
    if not _LANGUAGE.fullmatch(fields.text("language")):
        raise Refused("language must be a BCP-47 code or auto")
    speed = fields.number("speed", 0.7, 1.5, 1.0)
    fields.one_of("optimize_streaming_latency", (0, 1), 0)
    fields.flag("text_normalization", default=False)
    settings = fields.known("language", "speed", "optimize_streaming_latency", "text_normalization")
    word = output.word("codec", _CODINGS, "mp3")
    rate_hz = output.one_of("sample_rate", _RATES_HZ, 24000)
    bit_rate = output.one_of("bit_rate", _BIT_RATES, 128000)
    codec, container, _ = _CODINGS[word]
    is_mp3 = codec is Codec.MP3
    coding = mp3(rate_hz, bit_rate // 1000) if is_mp3 else AudioFormat(codec, rate_hz, container)
    return Order(Asked("", _known(voice), "", rate_hz, word, settings), coding, speed)


def _known(voice: str) -> str:
    if voice.casefold() not in _VOICES:
        raise Refused("The voice was not found", 404)
    return voice.casefold()


def _show(voice: str) -> dict[str, str]:
    return {"voice_id": voice, "name": voice.capitalize(), "language": "en"}


def _refuse(refused: Refused) -> web.Response:
    invalid = "Client specified an invalid argument"
    code = invalid if refused.status == 400 else HTTPStatus(refused.status).phrase
    return web.json_response({"code": code, "error": refused.message}, status=refused.status)


EMULATOR = XaiEmulator
