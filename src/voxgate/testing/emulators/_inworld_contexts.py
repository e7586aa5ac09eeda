"""Inworld's WebSocket: up to five contexts on a connection, each with a voice and a buffer of its own.

Source: Inworld's AsyncAPI of ``voice:streamBidirectional`` and its guides to it. ``cancel_context`` is in
neither: it is as livekit-plugins-inworld 1.8.9 uses it in production.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from aiohttp import WSMessage, WSMsgType, web

from voxgate.testing.emulators import _inworld_rules as rules
from voxgate.testing.emulators._inworld_rules import INVALID_ARGUMENT, NOT_FOUND, Refused, Speaking
from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators._speech import coded
from voxgate.testing.emulators.base import Asked, EmulatedError, Emulator

MAX_CONTEXTS = 5
MAX_CHARACTERS = 1000
"""Of one message; a buffer that grows beyond it is spoken at once."""
_VERBS = ("create", "sendText", "flushContext", "updateConfig", "closeContext", "cancelContext")
_SENTENCE_END = re.compile(r"[.!?…](?=\s+\S)|[。！？؟।॥]")  # noqa: RUF001
_AUTO_MODELS = ("inworld-tts-2", "inworld-tts-2-flash")


@dataclass(slots=True)
class _Context:
    """A stream of text into speech.

    Attributes:
        name: the client's id.
        how: settings for text that comes from now on.
        auto: how text is cut: nothing, ``SENTENCE_BOUNDARY``, or anything else for each message by itself.
        threshold: characters that are spoken without a flush.
        delay_s: after which they are, however few; 0 for never.
        buffer: text that waits.
        flushed: text on its way, with its settings.
        closing: ends when all was spoken.
        asked: what it was asked so far.
        spoken: syntheses done.
        sent: bytes of their audio.
        more: set when there may be something to do.
        timer: of ``delay_s``.
        task: that speaks.
    """

    name: str
    how: Speaking
    auto: str
    threshold: int
    delay_s: float
    asked: Asked
    buffer: str = ""
    flushed: deque[tuple[str, Speaking]] = field(default_factory=deque)
    closing: bool = False
    spoken: int = 0
    sent: int = 0
    more: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None

    def flush(self) -> None:
        """Let all text that waits be spoken."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.buffer:
            self.flushed.append((self.buffer, self.how))
        self.buffer = ""
        self.more.set()

    def add(self, text: str) -> None:
        """Take text, and see whether it is enough to be spoken."""
        self.buffer += text
        self.asked.text += text
        if self.delay_s and self.buffer and self.timer is None and not self.auto:
            self.timer = asyncio.get_running_loop().call_later(self.delay_s, self.flush)
        if not self.auto and len(self.buffer) >= self.threshold:
            self.flush()
        self.more.set()

    def next_text(self) -> tuple[str, Speaking] | None:
        """Take what is to be spoken next, now that nothing is being spoken."""
        if self.flushed:
            return self.flushed.popleft()
        end = len(self.buffer) if self.auto else 0
        if self.auto == "SENTENCE_BOUNDARY":
            end = max((found.end() for found in _SENTENCE_END.finditer(self.buffer)), default=0)
        text, self.buffer = self.buffer[:end], self.buffer[end:]
        return (text, self.how) if text else None


class ContextSession(Session):
    """One connection."""

    idle_s: ClassVar[float | None] = 600.0
    _numbers = itertools.count(1)

    def __init__(self, emulator: Emulator, request: web.Request, socket: web.WebSocketResponse) -> None:
        super().__init__(emulator, request, socket)
        self._contexts: dict[str, _Context] = {}

    async def take(self, message: WSMessage) -> None:
        """Act on one message; a wrong one is answered, and what else goes on goes on."""
        name = ""
        try:
            try:
                said = rules.camel(json.loads(message.data) if message.type is WSMsgType.TEXT else None)
            except ValueError:
                raise Refused(INVALID_ARGUMENT, "the message is not JSON") from None
            verbs = [verb for verb in _VERBS if verb in said]
            name = str(said.get("contextId") or "")
            if len(verbs) != 1:
                raise Refused(INVALID_ARGUMENT, "the message must have exactly one action")
        except Refused as error:
            await self._send({"error": error.status})
            return
        verb = verbs[0]
        try:
            body = rules.camel(said[verb])
            if verb == "create":
                await self._create(name or f"ctx-{next(self._numbers)}", body)
            else:
                context = self._find(name, verb)
                name = context.name
                await self._act(context, verb, body)
        except Refused as error:
            await self._result(name, status=error.status)

    def _find(self, name: str, verb: str) -> _Context:
        if not name and len(self._contexts) == 1:
            return next(iter(self._contexts.values()))
        context = self._contexts.get(name)
        # One that is being closed can be cancelled still, as clients in production do it.
        if context is None or (context.closing and verb != "cancelContext"):
            raise Refused(NOT_FOUND, f"Context {name} not found during {verb}")
        return context

    async def _create(self, name: str, body: dict[str, object]) -> None:
        if name in self._contexts:
            raise Refused(rules.ALREADY_EXISTS, f"Context {name} already exists")
        if len(self._contexts) >= MAX_CONTEXTS:
            raise Refused(rules.EXHAUSTED, "Max contexts limit reached")
        how = rules.speaking(body)
        auto = str(body.get("autoModeStrategy", "CLIENT")) if body.get("autoMode") is True else ""
        if auto == "SENTENCE_BOUNDARY" and how.model not in _AUTO_MODELS:
            raise Refused(INVALID_ARGUMENT, "autoModeStrategy is not supported by this model")
        context = _Context(
            name=name,
            how=how,
            auto=auto,
            threshold=min(_whole(body, "bufferCharThreshold", MAX_CHARACTERS), MAX_CHARACTERS),
            delay_s=_whole(body, "maxBufferDelayMs", 0) / 1000,
            asked=_asked(how),
        )
        self.emulator.asked.append(context.asked)
        self._contexts[name] = context
        await self._result(name, contextCreated=how.given)
        context.task = self.begin(self._speak_all(context))

    async def _act(self, context: _Context, verb: str, body: dict[str, object]) -> None:
        match verb:
            case "sendText":
                text = rules.check_text(body.get("text"), MAX_CHARACTERS)
                context.add(text)
                if "flushContext" in body:
                    context.flush()
            case "flushContext":
                context.flush()
            case "updateConfig":
                if body.get("modelId", context.how.model) != context.how.model:
                    raise Refused(INVALID_ARGUMENT, "the model cannot be updated")
                how = rules.speaking({**context.how.given, **body})
                context.flush()
                context.how = how
                await self._result(context.name, contextUpdated=how.given)
            case "closeContext":
                context.closing = True
                context.flush()
            case _:
                await self._cancel(context)

    async def _cancel(self, context: _Context) -> None:
        if context.timer is not None:
            context.timer.cancel()
        if context.task is not None:
            context.task.cancel()
            await asyncio.gather(context.task, return_exceptions=True)
        self._contexts.pop(context.name, None)
        await self._result(context.name, contextClosed={})

    async def _speak_all(self, context: _Context) -> None:
        try:
            while True:
                while (batch := context.next_text()) is not None:
                    await self._speak(context, *batch)
                if context.closing:
                    break
                context.more.clear()
                await context.more.wait()
        except EmulatedError:
            self._contexts.pop(context.name, None)
            await self._result(context.name, status=Refused(rules.INTERNAL, "synthesis failed").status)
            return
        except asyncio.CancelledError:
            context.asked.cancelled = True
            raise
        finally:
            if context.timer is not None:
                context.timer.cancel()
        self._contexts.pop(context.name, None)
        context.asked.done = True
        await self._result(context.name, contextClosed={})
        if self.emulator.faults.audio_after_end:
            chunk = {"audioContent": b64encode(bytes(960)).decode()}
            await self._result(context.name, audioChunk=chunk)

    async def _speak(self, context: _Context, text: str, how: Speaking) -> None:
        aligned = rules.alignment(how, text) if how.timestamps else {}
        sync = how.given.get("timestampTransportStrategy") != "ASYNC"
        in_piece = rules.framed(self.emulator, how)
        first = True

        def frame(piece: bytes) -> str:
            nonlocal first
            chunk: dict[str, object] = {
                "audioContent": b64encode(in_piece(piece)).decode(),
                "usage": rules.usage(how, text),
            }
            if aligned and sync and first:
                chunk["timestampInfo"] = aligned
            first = False
            return _worded(context.name, {"audioChunk": chunk})

        pcm = self.emulator.speech(text, how.coding.rate_hz, speed=how.speed)
        audio = coded(self.emulator, how.coding, pcm, continues=context.spoken)
        await self.emulator.send_frames(self.request, self.socket, audio, frame, context.sent)
        context.spoken += 1
        context.sent += len(audio)
        if aligned and not sync:
            trailing = {"audioContent": "", "usage": rules.usage(how, text), "timestampInfo": aligned}
            await self._result(context.name, audioChunk=trailing)
        await self._result(context.name, flushCompleted={})

    async def _result(self, name: str, **what: object) -> None:
        await self.socket.send_str(_worded(name, what))

    async def _send(self, message: Mapping[str, object]) -> None:
        await self.socket.send_str(json.dumps(message))


def _worded(name: str, what: Mapping[str, object]) -> str:
    status = {"code": 0, "message": "", "details": []}
    return json.dumps({"result": {"contextId": name, "status": status, **what}})


def _asked(how: Speaking) -> Asked:
    settings = {name: value for name, value in how.given.items() if name not in ("voiceId", "modelId")}
    return Asked(
        voice=how.voice, model=how.model, rate_hz=how.coding.rate_hz, format=how.encoding, settings=settings
    )


def _whole(body: Mapping[str, object], name: str, default: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refused(INVALID_ARGUMENT, f"{name} must be a whole number")
    return value
