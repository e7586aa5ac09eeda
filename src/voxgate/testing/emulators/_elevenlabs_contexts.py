"""ElevenLabs' ``multi-stream-input``: up to five streams of speech over one socket.

A context begins with the first message that bears its id, and whatever else can only be said there: settings
and key. Its text gathers until there is enough of it (``chunk_length_schedule``; with ``auto_mode`` at once)
or until a flush. ``close_context`` lets speech that was flushed come to its end and drops all other; then,
and only then, comes ``isFinal``. Until that a closed context counts as one of the five, though its id may
be used anew. The service closes a context that was silent too long, and the socket when all of it was.

Sources: ElevenLabs' AsyncAPI file (elevenlabs-docs, fern/apis/api/asyncapi.yml), its page on multi-context
WebSockets, the message types of its SDK 2.78. That a wrong key or voice is told after the upgrade, and by
which words, that eleven_v3 is refused before, and the wording of the limit of five: public recordings of the
live service. What becomes of an unflushed text in a closed context is told by none; here it is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
from aiohttp import WSMsgType, web

from voxgate.audio.encoder import encode_whole
from voxgate.testing.emulators import _elevenlabs_rules as rules
from voxgate.testing.emulators._elevenlabs_frames import Frames, How
from voxgate.testing.emulators._elevenlabs_rules import Refusal, VendorError
from voxgate.testing.emulators.base import Asked, EmulatedClose, EmulatedError

if TYPE_CHECKING:
    from voxgate.testing.emulators.elevenlabs import ElevenLabs

MAX_CONTEXTS = 5
_SCHEDULE = (120, 160, 250, 290)
_FIRST_ONLY = ("voice_settings", "generation_config", "pronunciation_dictionary_locators", "xi_api_key")
_CLOSE_CODE, _MAX_REASON_BYTES = 1008, 123
_ERRORS_HERE = {"voice_not_found": "voice_id_does_not_exist"}
"""Errors that sockets name in another way."""

_LATE = Refusal(
    400, "validation_error", "invalid_message", "voice_settings belong into a context's first message"
)
_NOT_UNDERSTOOD = Refusal(400, "validation_error", "invalid_message", "The message is not understood")
_FULL = Refusal(
    400,
    "validation_error",
    "max_active_conversations",
    f"Maximum simultaneous contexts per WebSocket connection exceeded ({MAX_CONTEXTS}).",
)
_FAILED = Refusal(500, "internal_error", "unexpected_error", "We are sorry, something went wrong")


@dataclass(slots=True, eq=False)
class _Context:
    """One stream of speech.

    Attributes:
        name: its id; None is the one without.
        asked: what is noted of it.
        speed: of its speech.
        schedule: how many characters are waited for, time after time.
        text: all that was sent.
        buffer: what waits for more.
        due: what is to be spoken.
        flushed: what is due was flushed, so it is spoken whatever comes.
        closed: ``isFinal`` comes behind what is due.
        generations: how often it has spoken.
        sent_bytes: of coded audio.
        changed: set with each change.
        speaking: the speech that is being sent.
        heard_at_s: when its last message came, or its last speech ended.
    """

    name: str | None
    asked: Asked
    speed: float
    schedule: tuple[float, ...]
    text: str = ""
    buffer: str = ""
    due: str = ""
    flushed: bool = False
    closed: bool = False
    generations: int = 0
    sent_bytes: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    speaking: asyncio.Task[None] | None = None
    heard_at_s: float = field(default_factory=lambda: _now_s())

    @property
    def busy(self) -> bool:
        """Whether it speaks, or is about to."""
        return bool(self.due) or self.speaking is not None


class _Gone(Exception):
    """The client went away."""


class Contexts:
    """One socket, from its upgrade to its close."""

    def __init__(
        self, emulator: ElevenLabs, request: web.Request, socket: web.WebSocketResponse, how: How
    ) -> None:
        self._emulator, self._request, self._socket, self._how = emulator, request, socket, how
        self._open: dict[str | None, _Context] = {}
        self._all: set[_Context] = set()
        self._key = request.headers.get("xi-api-key")
        self._heard_at_s = _now_s()
        self._failed = False
        self._tasks = asyncio.TaskGroup()

    async def serve(self) -> None:
        """Serve it to its end."""
        try:
            async with self._tasks:
                await self._read()
            await self._socket.close()
        except* VendorError as refused:
            await self._fail(
                next(each.refusal for each in refused.exceptions if isinstance(each, VendorError))
            )
        except* EmulatedError:
            await self._fail(_FAILED)
        except* EmulatedClose:
            self._failed = True
            await self._socket.close()
        except* (_Gone, ConnectionError):
            pass
        finally:
            for context in self._all:
                context.asked.cancelled = not self._failed

    async def _fail(self, error: Refusal) -> None:
        self._failed = True
        code = _ERRORS_HERE.get(error.code, error.code)
        frame = {"message": error.message, "error": code, "code": _CLOSE_CODE}
        with suppress(ConnectionError):
            await self._socket.send_str(orjson.dumps(frame).decode())
            await self._socket.close(code=_CLOSE_CODE, message=error.message.encode()[:_MAX_REASON_BYTES])

    async def _read(self) -> None:
        """Hear every message; returns when the client asks for the end."""
        while True:
            try:
                async with asyncio.timeout_at(self._wakes_at_s()):
                    message = await self._socket.receive()
            except TimeoutError:
                self._expire()
                continue
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                raise _Gone
            self._heard_at_s = _now_s()
            fields = _read_fields(message.data)
            if fields.get("close_socket"):
                for context in list(self._open.values()):
                    self._close(context)
                return
            self._hear(fields)

    def _wakes_at_s(self) -> float:
        """When the next of them has been silent for too long; who speaks is not silent."""
        silences = [_now_s() if context.busy else context.heard_at_s for context in self._all]
        if not any(context.busy for context in self._all):
            silences.append(self._heard_at_s)
        return min(silences) + self._how.idle_s

    def _expire(self) -> None:
        since_s = _now_s() - self._how.idle_s
        if self._heard_at_s <= since_s and not any(context.busy for context in self._all):
            message = f"No text came within {self._how.idle_s:.0f} seconds"
            raise VendorError(Refusal(400, "validation_error", "input_timeout_exceeded", message))
        for context in list(self._open.values()):
            if context.heard_at_s <= since_s and not context.busy:
                self._close(context)

    def _hear(self, fields: Mapping[str, object]) -> None:
        name, text = fields.get("context_id", fields.get("contextId")), fields.get("text")
        if not isinstance(name, str | None) or not isinstance(text, str | None):
            raise VendorError(_NOT_UNDERSTOOD)
        context = self._open.get(name)
        if fields.get("close_context"):
            if context is not None:
                self._close(context)
            return
        if context is None:
            context = self._begin(name, fields)
        elif any(fields.get(word) is not None for word in _FIRST_ONLY):
            raise VendorError(_LATE)
        context.heard_at_s = _now_s()
        self._take(context, text or "", flush=fields.get("flush") is True)

    def _begin(self, name: str | None, fields: Mapping[str, object]) -> _Context:
        key = self._key or fields.get("xi_api_key") or fields.get("xi-api-key")
        if not isinstance(key, str):
            raise VendorError(rules.NO_KEY)
        if not self._emulator.accepts(key):
            raise VendorError(rules.BAD_KEY)
        how = self._how
        rules.check_voice(how.voice_id)
        if len(self._all) >= MAX_CONTEXTS:
            raise VendorError(_FULL)
        settings, config = fields.get("voice_settings") or {}, fields.get("generation_config") or {}
        if not isinstance(settings, dict) or not isinstance(config, dict):
            raise VendorError(_NOT_UNDERSTOOD)
        speed, schedule = rules.check_settings(settings), config.get("chunk_length_schedule") or _SCHEDULE
        if not all(isinstance(length, int | float) and 50 <= length <= 500 for length in schedule):
            raise VendorError(_NOT_UNDERSTOOD)
        asked = Asked("", how.voice_id, how.model_id, how.target.rate_hz, how.word, dict(settings))
        context = _Context(name, asked, speed, tuple(schedule))
        self._emulator.asked.append(asked)
        self._open[name] = context
        self._all.add(context)
        self._tasks.create_task(self._live(context))
        return context

    def _take(self, context: _Context, text: str, *, flush: bool) -> None:
        context.text = (context.text + text).lstrip()
        context.asked.text = context.text.rstrip()
        context.buffer = context.buffer + text if context.generations else (context.buffer + text).lstrip()
        wanted = context.schedule[min(context.generations, len(context.schedule) - 1)]
        if flush or len(context.buffer) >= wanted or (self._how.auto_mode and text.strip()):
            context.due, context.buffer = context.due + context.buffer, ""
            context.flushed = context.flushed or flush
            context.changed.set()

    def _close(self, context: _Context) -> None:
        del self._open[context.name]
        context.closed = True
        if not context.flushed:
            context.asked.cancelled = context.busy or bool(context.buffer.strip())
            context.due = ""
            if context.speaking is not None:
                context.speaking.cancel()
        context.changed.set()

    async def _live(self, context: _Context) -> None:
        """Speak what is due until the context is closed, then say so."""
        while context.due or not context.closed:
            await context.changed.wait()
            context.changed.clear()
            while context.due:
                context.speaking = self._tasks.create_task(self._speak(context))
                await asyncio.wait([context.speaking])
                context.speaking = None
            context.flushed = False
            context.heard_at_s = self._heard_at_s = _now_s()
        self._all.discard(context)
        context.asked.done = not context.asked.cancelled
        await self._socket.send_str(orjson.dumps({"isFinal": True, "contextId": context.name}).decode())
        await self._emulator.send_late(self._socket, b"", Frames(context.name, "", 1.0, 1, True))

    async def _speak(self, context: _Context) -> None:
        text, context.due = context.due, ""
        text = text.rstrip() if context.flushed else text
        if not text.strip():
            return
        context.generations += 1
        emulator, target = self._emulator, self._how.target
        if emulator.speaking >= emulator.max_at_once:
            raise VendorError(rules.TOO_MANY)
        emulator.speaking += 1
        try:
            pcm = emulator.speech(text, target.rate_hz, speed=context.speed)
            audio = encode_whole(pcm, target.rate_hz, target) if pcm else b""
            frames = Frames(context.name, text, context.speed, len(audio), self._how.sync_alignment)
            await emulator.send_frames(self._request, self._socket, audio, frames, context.sent_bytes)
            context.sent_bytes += len(audio)
        finally:
            emulator.speaking -= 1


def _read_fields(message: str | bytes) -> Mapping[str, object]:
    try:
        fields = orjson.loads(message)
    except ValueError:
        raise VendorError(_NOT_UNDERSTOOD) from None
    if not isinstance(fields, dict):
        raise VendorError(_NOT_UNDERSTOOD)
    return fields


def _now_s() -> float:
    return asyncio.get_running_loop().time()
