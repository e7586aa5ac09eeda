"""Rime's WebSocket v1: many contexts on a connection, in protobuf or in its JSON form.

Source: rime-api 0.4.0, ``rime/text_to_speech.proto`` and ``text_to_speech.asyncapi.yaml``.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from rime_api import text_to_speech_pb2 as proto

from voxgate.testing.emulators import _rime_rules as rules
from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators._speech import Coding, encoder, word_spans
from voxgate.testing.emulators.base import Asked, EmulatedError, Emulator

BINARY, JSON = "rime.v1.binary", "rime.v1.json"
MAX_CONTEXT_ID_BYTES = 128
MAX_SENTENCES = 256
"""Waiting to be spoken in one context."""
_ALIGNED = ("eng", "spa")
"""Languages that the vendor has timestamps for."""
_INVALID_ARGUMENT = 3
"""Of google.rpc.Code."""
_Response = proto.WebSocketResponse


class _InvalidInput(Exception):
    """What a client sent cannot be done."""

    def __init__(self, message: str, kind: str = "invalid_input") -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind


@dataclass(slots=True)
class _Context:
    """One continuous synthesis."""

    name: str
    asked: Asked
    coding: Coding
    speed: float
    language: str
    timestamps: bool
    request_id: str
    streaming: bool
    sentences: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(MAX_SENTENCES))
    ended: bool = False
    task: asyncio.Task[None] | None = None


class V1Session(Session):
    """One connection to one model.

    Args:
        emulator: whose.
        request: the upgrade.
        socket: prepared with both subprotocols.
        model: the vendor's id.
        authenticated: the upgrade carried the right key; else ``config`` must.
    """

    _numbers = itertools.count(1)

    def __init__(
        self,
        emulator: Emulator,
        request: web.Request,
        socket: web.WebSocketResponse,
        model: str,
        *,
        authenticated: bool,
    ) -> None:
        super().__init__(emulator, request, socket)
        self._model = model
        self._header_carried_key = authenticated
        self._authenticated = authenticated
        self._configured = False
        self._defaults = proto.SynthesisRequest()
        self._contexts: dict[str, _Context] = {}

    async def opened(self) -> None:
        """Tell that the engine is ready, before anything was asked."""
        languages = sorted(
            short for short, code in rules.LANGUAGES.items() if code in rules.SPEAKERS[self._model]
        )
        ready = proto.WebSocketReady(protocol=1, languages=languages, default_language="en")
        await self._send(_Response(ready=ready))

    async def take(self, message: WSMessage) -> None:
        """Act on one envelope, whichever encoding its frame has."""
        envelope = proto.WebSocketRequest()
        try:
            if message.type is WSMsgType.TEXT:
                json_format.Parse(message.data, envelope)
            else:
                envelope.ParseFromString(message.data)
        except (DecodeError, json_format.ParseError):
            await self._fail("", "invalid_input", "undecodable frame")
            self.end(WSCloseCode.INVALID_TEXT, "undecodable frame")
            return
        name = envelope.context_id or "default"
        try:
            if len(name.encode()) > MAX_CONTEXT_ID_BYTES:
                name = ""
                raise _InvalidInput("context_id is longer than 128 bytes")
            await self._act(name, envelope)
        except _InvalidInput as error:
            await self._stop(name)
            await self._fail(name, error.kind, error.message)
        except rules.Refused as error:
            await self._fail(name, "not_found" if error.status == 404 else "invalid_input", error.message)

    async def _act(self, name: str, envelope: proto.WebSocketRequest) -> None:
        payload = envelope.WhichOneof("payload")
        if payload == "config":
            await self._configure(envelope.config)
        elif not self._authenticated:
            await self._fail("", "unauthenticated", "config.authorization is required")
            self.end(WSCloseCode.POLICY_VIOLATION, "unauthenticated")
        elif payload == "start":
            self._start(name, envelope.start)
        elif payload == "text":
            self._input(name, envelope.text)
        elif payload == "end":
            self._finish(name)
        elif payload == "cancel":
            await self._stop(name)
            await self._send(_Response(context_id=name, cancelled=proto.WebSocketCancelled()))
        else:
            raise _InvalidInput("the envelope has no payload")

    async def _configure(self, config: proto.WebSocketConfig) -> None:
        if self._configured:
            await self._fail("", "invalid_input", "config comes once, before the first start")
            return
        if config.HasField("authorization"):
            if self._header_carried_key:
                await self._fail("", "invalid_input", "the upgrade carried an Authorization header already")
                return
            key = config.authorization.partition(" ")[2]
            self._authenticated = self.emulator.accepts(key)
        if not self._authenticated:
            await self._fail("", "unauthenticated", "invalid api key")
            self.end(WSCloseCode.POLICY_VIOLATION, "unauthenticated")
        self._configured = True
        self._defaults = config.defaults

    def _start(self, name: str, request: proto.SynthesisRequest) -> None:
        if name in self._contexts:
            raise _InvalidInput("the context is open already")
        self._configured = True
        asks = proto.SynthesisRequest()
        asks.CopyFrom(self._defaults)
        asks.ClearField("text")
        for descriptor, _ in request.ListFields():
            asks.ClearField(descriptor.name)
        asks.MergeFrom(request)
        context = self._context(name, asks)
        if asks.text:
            context.sentences.put_nowait(rules.check_text(asks.text))
            context.asked.text = asks.text
            context.sentences.put_nowait(None)
            context.ended = True
        self.emulator.asked.append(context.asked)
        self._contexts[name] = context
        context.task = self.begin(self._speak(context))

    def _context(self, name: str, asks: proto.SynthesisRequest) -> _Context:
        if not asks.speaker:
            raise rules.Refused(400, "speaker is required")
        audio = asks.audio_parameters
        rate_hz = audio.sampling_rate if audio.HasField("sampling_rate") else rules.DEFAULT_RATE_HZ
        audio_format = audio.audio_format or "audio/wav"
        factor = audio.time_scale_factor if audio.HasField("time_scale_factor") else 1.0
        settings: dict[str, object] = {"time_scale_factor": round(factor, 6)}
        if asks.HasField("split_strategy"):
            settings["split_strategy"] = proto.SplitStrategy.Name(asks.split_strategy)
        if asks.HasField("coda_parameters"):
            settings["text_lookahead_tokens"] = asks.coda_parameters.text_lookahead_tokens
        language = rules.check_language(self._model, asks.language or "en")
        settings["language"] = language
        return _Context(
            name=name,
            asked=Asked(
                voice=rules.check_speaker(self._model, asks.speaker),
                model=self._model,
                rate_hz=rate_hz,
                format=audio_format,
                settings=settings,
            ),
            coding=rules.coding_of(audio_format, rate_hz),
            speed=rules.time_scale(factor),
            language=language,
            timestamps=asks.timestamps.enable,
            request_id=f"req-{next(self._numbers)}",
            streaming=not asks.text,
        )

    def _open_input(self, name: str) -> _Context:
        context = self._contexts.get(name)
        if context is None or context.ended:
            raise _InvalidInput("the context is not open for input")
        return context

    def _input(self, name: str, text: str) -> None:
        context = self._open_input(name)
        if not text:
            return
        if context.sentences.full():
            raise _InvalidInput("too much text is waiting", "resource_exhausted")
        try:
            context.sentences.put_nowait(rules.check_text(text))
        except rules.Refused as error:
            raise _InvalidInput(error.message) from None
        context.asked.text += text

    def _finish(self, name: str) -> None:
        context = self._contexts.get(name)
        if context is not None and not context.streaming:
            return
        context = self._open_input(name)
        context.ended = True
        context.sentences.put_nowait(None)

    async def _stop(self, name: str) -> None:
        context = self._contexts.pop(name, None)
        if context is not None and context.task is not None:
            context.task.cancel()
            await asyncio.gather(context.task, return_exceptions=True)

    async def _speak(self, context: _Context) -> None:
        def frame(piece: bytes) -> str | bytes:
            return self._frame(_Response(context_id=context.name, audio=piece))

        coder, audio, sent = encoder(self.emulator, context.coding), b"", 0
        try:
            started = proto.WebSocketStarted(request_id=context.request_id)
            await self._send(_Response(context_id=context.name, started=started))
            while (sentence := await context.sentences.get()) is not None:
                pcm = self.emulator.speech(sentence, context.coding.rate_hz, speed=context.speed)
                audio = coder.feed(pcm)
                await self.emulator.send_frames(self.request, self.socket, audio, frame, sent)
                sent += len(audio)
            if rest := coder.finish():
                await self.emulator.send_frames(self.request, self.socket, rest, frame, sent)
        except EmulatedError:
            self._contexts.pop(context.name, None)
            await self._fail(context.name, "internal", "synthesis failed", context.request_id)
            return
        except asyncio.CancelledError:
            context.asked.cancelled = True
            raise
        self._contexts.pop(context.name, None)
        context.asked.done = True
        await self._send(_Response(context_id=context.name, done=_done(context)))
        await self.emulator.send_late(self.socket, audio, frame)

    async def _fail(self, name: str, kind: str, message: str, request_id: str | None = None) -> None:
        error = proto.WebSocketError(kind=kind, message=message, request_id=request_id)
        await self._send(_Response(context_id=name, error=error))

    async def _send(self, envelope: _Response) -> None:
        message = self._frame(envelope)
        if isinstance(message, str):
            await self.socket.send_str(message)
        else:
            await self.socket.send_bytes(message)

    def _frame(self, envelope: _Response) -> str | bytes:
        if self.socket.ws_protocol == BINARY:
            return envelope.SerializeToString()
        return json_format.MessageToJson(envelope, indent=None)


def _done(context: _Context) -> proto.WebSocketDone:
    """The last event; with the spans of the words, at the voice's own pace, where they were asked for."""
    if not context.timestamps:
        return proto.WebSocketDone()
    timestamps = proto.Timestamps()
    if context.language not in _ALIGNED:
        timestamps.status.code = _INVALID_ARGUMENT
        timestamps.status.message = "language is not supported"
        return proto.WebSocketDone(timestamps=timestamps)
    timestamps.status.SetInParent()
    for text, start_s, end_s in word_spans(context.asked.text):
        span = timestamps.spans.add(text=text)
        span.start.FromMicroseconds(round(start_s * 1e6))
        span.end.FromMicroseconds(round(end_s * 1e6))
    return proto.WebSocketDone(timestamps=timestamps)
