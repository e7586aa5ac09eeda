"""MiniMax's two WebSockets: one task on each connection, in the same words.

``/ws/v1/t2a_v2_bidi`` puts sentences together from text of any size, marks where each begins and ends, and
can be flushed and cancelled. ``/ws/v1/t2a_v2`` speaks each ``task_continue`` at once and knows neither: such
an event is an illegal one. On both the last frame of a piece of speech is ``is_final``; on the first of them
it has no ``event``, as in the vendor's example.

An error that ends the task is ``task_failed``, then the connection closes; codes 2202 to 2205 are told in a
``task_continued`` without audio, and the task goes on. A wrong key opens the connection all the same.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSMessage, web

from voxgate.testing.emulators import _minimax_order as order
from voxgate.testing.emulators._minimax_order import Order, Refusal
from voxgate.testing.emulators._session import Session
from voxgate.testing.emulators.base import Asked, EmulatedError, Emulator

IDLE_S = 120.0
"""Without an event from the client, or a ping, since the last thing it was told."""
MAX_WAITING_CHARACTERS = 50_000
"""That there is such a limit is documented, not how high."""
_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f\n]")


class PingedSocket(web.WebSocketResponse):
    """Tells of pings."""

    on_ping: Callable[[], None] | None = None

    async def pong(self, message: bytes = b"") -> None:
        """Answer a ping."""
        if self.on_ping is not None:
            self.on_ping()
        await super().pong(message)


class TaskSocket(Session):
    """One connection.

    Args:
        emulator: whose.
        request: the upgrade.
        socket: prepared.
        denied: code of the refusal of the key; 0 when it is right.
        bidi: which of the two.
        trace_id: of everything said here.
    """

    def __init__(
        self,
        emulator: Emulator,
        request: web.Request,
        socket: PingedSocket,
        *,
        denied: int,
        bidi: bool,
        trace_id: str,
    ) -> None:
        super().__init__(emulator, request, socket)
        self._denied = denied
        self._bidi = bidi
        self._trace_id = trace_id
        self._session_id = f"session-{trace_id}"
        self._order: Order | None = None
        self._asked: Asked | None = None
        self._buffer = ""
        self._waiting = 0
        self._sent = 0
        self._jobs: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(1000)
        self._worker: asyncio.Task[None] | None = None
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._expire)
        socket.on_ping = self._stay

    async def opened(self) -> None:
        """Welcome the client, or refuse its key."""
        if self._denied:
            await self._fail(self._denied)
        else:
            await self._say("connected_success")

    async def serve(self) -> None:
        """Serve it to its end."""
        try:
            await super().serve()
        finally:
            self._idle.cancel()

    async def take(self, message: WSMessage) -> None:
        """Act on one of the client's events."""
        self._stay()
        try:
            fields = json.loads(message.data)
            event = fields.get("event")
        except (ValueError, AttributeError):
            await self._complain(order.ILLEGAL_EVENT)
            return
        started = self._order is not None
        match event:
            case "task_start" if not started:
                await self._start(fields)
            case "task_continue" if started:
                await self._continue(fields.get("text"))
            case "task_flush" if started and self._bidi:
                self._say_rest()
                self._jobs.put_nowait(self._flushed)
            case "task_cancel" if started and self._bidi:
                await self._cancel()
            case "task_finish" if started:
                self._say_rest()
                self._jobs.put_nowait(self._finished)
            case _:
                await self._complain(order.ILLEGAL_EVENT)

    async def _start(self, fields: dict[str, Any]) -> None:
        try:
            self._order = Order.read(fields, streams=True)
        except Refusal as refusal:
            await self._fail(refusal.code, str(refusal))
            return
        if self._bidi and isinstance(session_id := fields.get("session_id"), str):
            self._session_id = session_id
        self._worker = self.begin(self._work())
        await self._say("task_started")

    async def _continue(self, text: object) -> None:
        try:
            text = order.check_text(text)
        except Refusal as refusal:
            await self._fail(refusal.code, str(refusal))
            return
        if len(text) >= order.MAX_CHARACTERS:
            await self._complain(order.TEXT_TOO_LONG)
        elif self._waiting + len(text) > MAX_WAITING_CHARACTERS:
            await self._complain(order.TOO_MUCH_TEXT)
        elif self._bidi:
            self._buffer += text
            while end := _SENTENCE_END.search(self._buffer):
                self._queue(self._buffer[: end.end()])
                self._buffer = self._buffer[end.end() :]
        elif text.strip():
            self._queue(text)
        else:
            await self._complain(order.EMPTY_TEXT)

    def _say_rest(self) -> None:
        rest, self._buffer = self._buffer, ""
        self._queue(rest)

    def _queue(self, text: str) -> None:
        if not text.strip():
            return
        self._waiting += len(text)
        self._jobs.put_nowait(lambda: self._speak(text))

    async def _cancel(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        if self._asked is not None:
            self._asked.cancelled = True
        self._asked, self._buffer, self._waiting, self._sent = None, "", 0, 0
        self._jobs = asyncio.Queue(1000)
        self._worker = self.begin(self._work())
        await self._say("task_canceled")
        await self.emulator.send_late(self.socket, bytes(960), self._frame)

    async def _work(self) -> None:
        jobs = self._jobs
        try:
            while True:
                await (await jobs.get())()
        except EmulatedError:
            await self._fail(order.UNKNOWN)
        except (ConnectionError, asyncio.CancelledError):
            if self._asked is not None:
                self._asked.cancelled = True
            raise

    async def _speak(self, text: str) -> None:
        wanted = self._wanted()
        self._waiting -= len(text)
        if self._asked is None:
            self._asked = wanted.asked()
            self.emulator.asked.append(self._asked)
        self._asked.text += text
        audio = wanted.speak(self.emulator, text)
        if self._bidi:
            await self._say("sentence_start")
        await self.emulator.send_frames(self.request, self.socket, audio, self._frame, self._sent)
        self._sent += len(audio)
        self._stay()
        last = {"data": {"audio": ""}, "extra_info": wanted.extra_info(text, audio), "is_final": True}
        await self._say(None if self._bidi else "task_continued", **last)
        if self._bidi:
            await self._say("sentence_end")
        else:
            await self._done()

    async def _flushed(self) -> None:
        await self._say("task_flushed")
        await self._done()

    async def _finished(self) -> None:
        await self._done()
        await self._say("task_finished")
        self.end()

    async def _done(self) -> None:
        if self._asked is not None:
            self._asked.done = True
        self._asked, self._sent = None, 0
        await self.emulator.send_late(self.socket, bytes(960), self._frame)

    def _wanted(self) -> Order:
        assert self._order is not None  # noqa: S101 - jobs are put only once the task has started
        return self._order

    def _frame(self, piece: bytes) -> str:
        return self._worded("task_continued", data={"audio": piece.hex(), "status": 1}, is_final=False)

    async def _fail(self, code: int, message: str = "") -> None:
        await self._say("task_failed", base_resp=order.base_resp(code, message))
        self.end()

    async def _complain(self, code: int) -> None:
        await self._say("task_continued", base_resp=order.base_resp(code))

    async def _say(self, event: str | None, **fields: object) -> None:
        await self.socket.send_str(self._worded(event, **fields))
        self._stay()

    def _worded(self, event: str | None, **fields: object) -> str:
        ids = {
            "session_id": self._session_id,
            "trace_id": self._trace_id,
            "connect_id": f"connect-{self._trace_id}",
        }
        named = {} if event is None else {"event": event}
        return json.dumps({**named, **ids, "base_resp": order.base_resp(), **fields})

    def _stay(self) -> None:
        self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._expire)

    def _expire(self) -> None:
        self.begin(self._fail(order.TIMED_OUT))
