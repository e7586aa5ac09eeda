"""Murf's socket: text in contexts, which are spoken side by side."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import orjson
import pybase64
from aiohttp import WSMessage, web

from voxgate.testing.emulators._fields import Fields, Refused
from voxgate.testing.emulators._murfai_rules import MOST_CHARACTERS, Output, find_voice
from voxgate.testing.emulators._reply import Order, Places, Reply, sentences_end
from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators.base import EmulatedError, Emulator


class ContextSocket(Session):
    """Murf's side of a socket.

    Args:
        emulator: whose socket it is.
        request: the upgrade.
        socket: prepared.
        output: what its query asked for.
        places: of the account.
    """

    idle_s: ClassVar[float | None] = 180.0

    def __init__(
        self,
        emulator: Emulator,
        request: web.Request,
        socket: web.WebSocketResponse,
        output: Output,
        places: Places,
    ) -> None:
        super().__init__(emulator, request, socket)
        self.output = output
        self.places = places
        self.min_buffer = 40
        self.max_delay_s = 0.3
        self._configs: dict[str | None, Fields] = {}
        self._contexts: dict[str | None, _Context] = {}

    async def take(self, message: WSMessage) -> None:
        """Act on a message; what it is shows only in its fields, and it may be several things at once."""
        context_id = None
        try:
            fields = Fields.read(message.data)
            context_id = fields.text("context_id") if "context_id" in fields else None
            self._act(fields, context_id)
        except Refused as refused:
            if (context := self._contexts.pop(context_id, None)) is not None:
                context.cancel()
            self._configs.pop(context_id, None)
            await self.send({"error": refused.message, "context_id": context_id})

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        await self.socket.send_str(orjson.dumps(message).decode())

    def forget(self, context: _Context) -> None:
        """Free the id of a context that is over."""
        if self._contexts.get(context.context_id) is context:
            del self._contexts[context.context_id]
            self._configs.pop(context.context_id, None)

    def _act(self, fields: Fields, context_id: str | None) -> None:
        if "clear" in fields:
            fields.text("context_id")
            clears = fields.flag("clear", default=False)
            if clears and (context := self._contexts.pop(context_id, None)) is not None:
                context.clear()
            return
        self.min_buffer = fields.integer("min_buffer_size", 40, 160, self.min_buffer)
        delay_ms = fields.integer("max_buffer_delay_in_ms", 0, 1000, round(self.max_delay_s * 1000))
        self.max_delay_s = delay_ms / 1000
        if "voice_config" in fields:
            self._configs[context_id] = fields.part("voice_config")
        if "text" in fields or "end" in fields:
            # Murf's own pipecat package ends a turn without a text, though the document requires one.
            text = fields.text("text", "", most=MOST_CHARACTERS)
            self._open(context_id).take(text, end=fields.flag("end", default=False))
        elif not fields.known("voice_config", "min_buffer_size", "max_buffer_delay_in_ms"):
            raise Refused("The message is none of those that there are")

    def _open(self, context_id: str | None) -> _Context:
        former = self._contexts.get(context_id)
        if former is not None and not former.ended:
            return former
        config = self._configs.get(context_id) or self._configs.get(None) or Fields({})
        # The documents call it voice_id; their quickstart sends voiceId.
        voice = find_voice(config.text("voice_id", config.text("voiceId", "en-US-daniel")), self.output.model)
        order = self.output.order(voice, config)
        if former is None:
            self.places.take()
        context = self._contexts[context_id] = _Context(self, context_id, order, former)
        context.begin()
        return context


class _Context(Reply):
    """One turn. Its text is buffered until a sentence, enough of it, a pause or the end.

    Turns with one id are spoken one after the other, and take one place together: ``former`` is the last one.
    """

    def __init__(
        self, session: ContextSocket, context_id: str | None, order: Order, former: _Context | None
    ) -> None:
        super().__init__(session, order, session.places if former is None else None)
        self.context_id = context_id
        self.ended = False
        self._socket = session
        self._former = former
        if former is not None:
            former.hand_place_to(self)
        self._pending = ""
        self._timer: asyncio.TimerHandle | None = None

    def frame(self, piece: bytes) -> str:
        """Wrap audio."""
        audio = pybase64.b64encode(piece).decode()
        return orjson.dumps({"audio": audio, "context_id": self.context_id}).decode()

    def take(self, text: str, *, end: bool) -> None:
        """Buffer text, and speak what is ready."""
        self._pending += text
        self._stop_timer()
        if end or len(self._pending) >= self._socket.min_buffer:
            self._say_to(len(self._pending))
        else:
            self._say_to(sentences_end(self._pending))
        if end:
            self.ended = True
            self.end()
        elif self._pending:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._socket.max_delay_s, lambda: self._say_to(len(self._pending)))

    def clear(self) -> None:
        """Drop what is not being spoken yet; the rest is sent to its end."""
        self._stop_timer()
        self.asked.cancelled = True
        self.drop()

    def cancel(self) -> None:
        """Stop at once."""
        self._stop_timer()
        self.task.cancel()

    async def run(self) -> None:
        """Speak once the former turn is over, and say that this one is."""
        try:
            if self._former is not None:
                await asyncio.gather(self._former.task, return_exceptions=True)
            await self.speak()
            self.leave_place()
            self._socket.forget(self)
            if self.asked.cancelled and not self.asked.text:
                return
            await self._socket.send({"final": True, "context_id": self.context_id})
            self.asked.done = not self.asked.cancelled
            await self.stale()
        except EmulatedError:
            self.leave_place()
            self._socket.forget(self)
            await self._socket.send({"error": "Audio generation failed", "context_id": self.context_id})
        finally:
            self._stop_timer()

    def _say_to(self, end: int) -> None:
        text, self._pending = self._pending[:end], self._pending[end:]
        if text:
            self.say(text)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
