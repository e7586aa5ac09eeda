"""Fish Audio: its two WebSockets in MessagePack, its HTTP endpoint and its list of models.

Sources: Fish Audio's AsyncAPI 3 and OpenAPI 3.1 documents, and its docs' pages Errors, Text to Speech and
WebSocket TTS with Timestamps (August 2026); the models of its Python SDK 1.3.0.

Where they are silent: whatever is wrong on a socket is ``finish`` with the reason ``error``, and the end of
it; too much at once is an ``error`` event, documented only for the socket with timestamps, and it stays open.
Bit rates of Opus may be the documents', in bit/s, or the SDK's, in kbit/s. Dialogues of several speakers and
voices cloned on the spot are not here.
"""

from __future__ import annotations

from typing import Any, ClassVar

import ormsgpack
from aiohttp import WSMessage, web

from voxgate.testing.emulators._fields import Fields, Refused
from voxgate.testing.emulators._fishaudio_rules import CODINGS, MODELS, find_models, read_order, show
from voxgate.testing.emulators._reply import Order, Places, Reply, sentences_end
from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators._speech import seconds, word_spans
from voxgate.testing.emulators.base import NO_FAULTS, EmulatedError, Emulator, Faults


class FishAudioEmulator(Emulator):
    """Fish Audio.

    Args:
        key: the only key that it takes.
        faults: what goes wrong.
        max_concurrency: utterances at once.
        keeps_sockets: after ``finish`` a socket takes another ``start``, as is documented for the one with
            timestamps; otherwise it is closed, as is documented for the one without.

    Attributes:
        places: of these utterances.
    """

    provider: ClassVar[str] = "fishaudio"
    voice: ClassVar[str] = f"FishAudio.s2.1-pro.{MODELS[0].model_id}"
    bad_voice: ClassVar[str] = "FishAudio.s2.1-pro.00000000000000000000000000000000"
    checked_by: ClassVar[str] = "fish-audio-sdk 1.3.0"

    def __init__(
        self,
        *,
        key: str = "emulated-key",
        faults: Faults = NO_FAULTS,
        max_concurrency: int = 5,
        keeps_sockets: bool = False,
    ) -> None:
        super().__init__(key=key, faults=faults)
        self.keeps_sockets = keeps_sockets
        self.places = Places(max_concurrency, "Concurrency limit exceeded")

    def add_routes(self, app: web.Application) -> None:
        """Add the sockets, the endpoint and the list."""
        app.router.add_get("/v1/tts/live", self._live)
        app.router.add_get("/v1/tts/live/with-timestamp", self._live_with_timestamps)
        app.router.add_post("/v1/tts", self._speak)
        app.router.add_get("/model", self._models)
        app.router.add_get("/model/{model_id}", self._model)

    def refusal(self, status: int) -> web.Response:
        """Word a refusal."""
        return _refuse(Refused("The emulator was told to refuse", status))

    async def _live(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, timestamps=False)

    async def _live_with_timestamps(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, timestamps=True)

    async def _serve(self, request: web.Request, *, timestamps: bool) -> web.StreamResponse:
        try:
            self._check_key(request)
        except Refused as refused:
            return _refuse(refused)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await _Socket(self, request, socket, timestamps=timestamps).serve()
        return socket

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_key(request)
            fields = await _body(request)
            order = read_order(fields, request)
            order.asked.text = fields.text("text")
            self.places.take()
        except Refused as refused:
            return _refuse(refused)
        try:
            self.asked.append(order.asked)
            headers = {"Content-Type": CODINGS[order.asked.format][2]}
            return await self.send_body(request, order.whole(self), headers, order.asked)
        finally:
            self.places.leave()

    async def _models(self, request: web.Request) -> web.Response:
        try:
            self._check_key(request)
            query = Fields(request.query, spelled=True)
            size = query.integer("page_size", 1, 1000, 10)
            begin = (query.integer("page_number", 1, 1_000_000, 1) - 1) * size
            query.word("sort_by", ("score", "task_count", "created_at"), "score")
            own = query.flag("self", default=False)
            found = find_models(query.text("title", ""), request.query.getall("language", []), own=own)
        except Refused as refused:
            return _refuse(refused)
        page = [show(model) for model in found[begin : begin + size]]
        return web.json_response({"total": len(found), "items": page})

    async def _model(self, request: web.Request) -> web.Response:
        try:
            self._check_key(request)
        except Refused as refused:
            return _refuse(refused)
        for model in MODELS:
            if model.model_id == request.match_info["model_id"]:
                return web.json_response(show(model))
        return _refuse(Refused("Model not found", 404))

    def _check_key(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not self.accepts(key):
            raise Refused("Invalid Token", 401)


class _Socket(Session):
    """Takes ``start``, then texts and flushes, then ``stop``."""

    def __init__(
        self,
        emulator: FishAudioEmulator,
        request: web.Request,
        socket: web.WebSocketResponse,
        *,
        timestamps: bool,
    ) -> None:
        super().__init__(emulator, request, socket)
        self.fish = emulator
        self.timestamps = timestamps
        self._pending = ""
        self._chunk_length = 0
        self._utterance: _Utterance | None = None

    async def take(self, message: WSMessage) -> None:
        """Act on an event."""
        try:
            fields = _unpacked(message.data)
            event = fields.word("event", ("start", "text", "flush", "stop"), "")
            if (event == "start") is not (self._utterance is None):
                raise Refused("start comes first, and once")
            if event == "start":
                await self._start(fields.part("request"))
            else:
                self._go_on(event, fields.text("text") if event == "text" else "")
        except Refused:
            await self.fail()

    async def send(self, event: dict[str, Any]) -> None:
        """Send an event."""
        await self.socket.send_bytes(ormsgpack.packb(event))

    async def fail(self) -> None:
        """Say that something was wrong, and close."""
        await self.send({"event": "finish", "reason": "error"})
        self.end()

    def forget(self) -> None:
        """Get ready for the next ``start``."""
        self._utterance, self._pending = None, ""

    async def _start(self, fields: Fields) -> None:
        order = read_order(fields, self.request)
        try:
            self.fish.places.take()
        except Refused as refused:
            limit = {"error": refused.message, "max_concurrency": self.fish.places.most}
            await self.send({"event": "error", **limit})
            return
        self._chunk_length = fields.integer("chunk_length", 100, 300, 300)
        self._utterance = _Utterance(self, order)
        self._utterance.begin()
        self._go_on("text", fields.text("text"))

    def _go_on(self, event: str, text: str) -> None:
        if self._utterance is None:
            return
        self._pending += text
        everything = event != "text" or len(self._pending) >= self._chunk_length
        # A sentence waits for the text behind it.
        cut = len(self._pending) if everything else sentences_end(self._pending, followed=True)
        if cut:
            self._utterance.say(self._pending[:cut])
            self._pending = self._pending[cut:]
        if event == "stop":
            self._utterance.end()


class _Utterance(Reply):
    def __init__(self, session: _Socket, order: Order) -> None:
        super().__init__(session, order, session.fish.places)
        self._socket = session
        self._chunk: dict[str, Any] = {}
        self._number = 0

    def frame(self, piece: bytes) -> bytes:
        """Wrap audio."""
        return ormsgpack.packb({"event": "audio", "audio": piece, **self._chunk})

    def before(self, text: str) -> None:
        """Number the chunk; its alignment is not known yet."""
        if self._socket.timestamps:
            offset_s = seconds(self.characters, self.order.speed)
            self._chunk = {"content": text, "alignment": None, "chunk_seq": self._number}
            self._chunk["chunk_audio_offset_sec"] = offset_s
            self._number += 1

    async def after(self, text: str) -> None:
        """Tell the alignment behind the audio, with no audio."""
        if self._socket.timestamps:
            spans = word_spans(text, speed=self.order.speed)
            segments = [{"text": word, "start": start, "end": end} for word, start, end in spans]
            duration_s = seconds(len(text), self.order.speed)
            alignment = {"segments": segments, "audio_duration": duration_s}
            await self._socket.send({"event": "audio", "audio": b"", **self._chunk, "alignment": alignment})

    async def run(self) -> None:
        """Speak, and say that it is finished."""
        try:
            await self.speak()
        except EmulatedError:
            await self._socket.fail()
            return
        self.asked.done = True
        self.leave_place()
        self._socket.forget()
        await self._socket.send({"event": "finish", "reason": "stop"})
        await self.stale()
        if not (self._socket.timestamps or self._socket.fish.keeps_sockets):
            self._socket.end()


class _Unparsed(Refused):
    """A body that cannot be parsed, which Fish tells in plain text."""


async def _body(request: web.Request) -> Fields:
    packed = request.content_type == "application/msgpack"
    if not packed and request.content_type != "application/json":
        raise Refused("The body must be JSON or MessagePack", 415)
    body = await request.read()
    try:
        return _unpacked(body) if packed else Fields.read(body)
    except Refused as refused:
        raise _Unparsed(refused.message) from None


def _unpacked(packed: str | bytes) -> Fields:
    try:
        given = ormsgpack.unpackb(packed) if isinstance(packed, bytes) else None
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refused("The message is not an object in MessagePack")
    return Fields(given)


def _refuse(refused: Refused) -> web.Response:
    if isinstance(refused, _Unparsed):
        return web.Response(text=refused.message, status=refused.status)
    return web.json_response({"message": refused.message, "status": refused.status}, status=refused.status)


EMULATOR = FishAudioEmulator
