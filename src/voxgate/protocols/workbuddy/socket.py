"""The voice session's socket: token, then PCM both ways.

One task reads; the session's mouth writes audio and one more task writes its events, under one lock. A
client that does not read stops its own agent; after ``STUCK_S`` without progress the socket is cut.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import ExitStack, suppress
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voxgate.access.callers import check_origin
from voxgate.access.tokens import SessionClaim
from voxgate.conversation.microphone import BYTES_PER_MS
from voxgate.conversation.session import EndReason, Session
from voxgate.errors import NotAuthenticated, NotPermitted, VoxgateError
from voxgate.protocols.workbuddy import messages
from voxgate.protocols.workbuddy.messages import FirstMessage, SessionError
from voxgate.protocols.workbuddy.rest import refusal
from voxgate.services import Services

log = structlog.get_logger()

EARLY_BYTES = 5000 * BYTES_PER_MS
"""Microphone audio kept until the agent is ready; of more, the newest is kept."""
MAX_EVENTS = 256
"""Events that may wait for a client that is slow to read; further ones are dropped."""
STUCK_S = 10.0
WATCH_EVERY_S = 1.0
KEY_EVERY_S = 3.0


async def run_socket(websocket: WebSocket, services: Services) -> None:
    """Serve one session from upgrade to close."""
    try:
        check_origin(websocket.headers.get("origin"), services.settings.server.allowed_origins)
    except NotPermitted as error:
        log.info("session_upgrade_refused", code=error.code)
        await websocket.send_denial_response(refusal(error))
        return
    await websocket.accept()
    connection = _Connection(websocket, services)
    with services.drain.guest(connection.leave_soon, connection.leave_now):
        try:
            await connection.run()
        except (WebSocketDisconnect, TimeoutError):
            pass  # gone, or stuck: there is nobody to tell
        finally:
            await connection.aclose()


class _Connection:
    def __init__(self, websocket: WebSocket, services: Services) -> None:
        self._websocket, self._services = websocket, services
        self._settings = services.settings.agents
        self._session: Session | None = None
        self._early: deque[bytes] = deque()
        self._early_bytes = 0
        self._events: asyncio.Queue[str] = asyncio.Queue(MAX_EVENTS)
        self._wants_events = False
        self._sending = asyncio.Lock()
        self._last_frame_s = services.clock.now_s()
        self._leaving = False
        self._place = ExitStack()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        first = await self._first_message()
        if isinstance(first, SessionError):
            await self._refuse(first)
            return
        try:
            claim = self._services.session_tokens.redeem(first.token)
            if not await self._services.keys.is_good(claim.key_id):
                raise NotAuthenticated("The key was revoked")
        except NotAuthenticated:
            await self._refuse(SessionError.AUTH_FAILED)
            return
        self._wants_events = first.events
        await self._send_text(messages.connected())
        self._last_frame_s = self._services.clock.now_s()
        reading = self._spawn(self._read(), "session-read")
        try:
            await self._open(claim)
        except VoxgateError as error:
            log.warning("session_setup_failed", code=error.code)
            await self._refuse(SessionError.SESSION_SETUP_FAILED)
            return
        await self._converse(claim, reading)

    async def _first_message(self) -> FirstMessage | SessionError:
        try:
            async with asyncio.timeout(self._settings.auth_timeout_s):
                message = await self._websocket.receive()
        except TimeoutError:
            return SessionError.AUTH_TIMEOUT
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        return messages.read_first(message.get("text")) or SessionError.INVALID_AUTH

    async def _refuse(self, error: SessionError) -> None:
        await self._send_text(error.message)
        await self._websocket.close(error.close_code, error.value[0])

    async def _open(self, claim: SessionClaim) -> None:
        agents = self._services.agents
        # Taken before anything is waited for: two that come at once must not both get the last place.
        self._place.enter_context(agents.place())
        self._session = await agents.open(claim.agent, claim.tenant, self._send_audio, self._on_event)

    async def _converse(self, claim: SessionClaim, reading: asyncio.Task[None]) -> None:
        session = self._session
        assert session is not None  # noqa: S101 - opened just before
        began_s = self._services.clock.now_s()
        await self._send_text(messages.agent_ready())
        if self._wants_events:
            self._spawn(self._write_events(), "session-events")
        self._spawn(self._watch(session, claim, began_s), "session-watch")
        session.begin()
        while self._early:
            session.hear(self._early.popleft())
        if self._leaving:
            session.end_when_quiet(EndReason.SERVER_SHUTDOWN)
        either: list[asyncio.Future[Any]] = [session.ended, reading]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if session.ended.done():
            await self._say_goodbye(session.ended.result())
        self._account(session, claim, began_s)

    async def _say_goodbye(self, reason: EndReason) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._send_text(messages.session_ended(reason.value))
            await self._websocket.close(messages.NORMAL_CLOSE)

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            if data is None:
                continue  # later text messages are undefined, and ignored
            self._last_frame_s = self._services.clock.now_s()
            if self._session is not None and not self._early:
                self._session.hear(data)
            else:
                self._keep(data)

    def _keep(self, data: bytes) -> None:
        self._early.append(data)
        self._early_bytes += len(data)
        while self._early_bytes > EARLY_BYTES and len(self._early) > 1:
            self._early_bytes -= len(self._early.popleft())

    async def _watch(self, session: Session, claim: SessionClaim, began_s: float) -> None:
        """End the session that is too long, has fallen silent, or whose key was revoked."""
        clock, keys = self._services.clock, self._services.keys
        checked_s = began_s
        while True:
            await clock.sleep(WATCH_EVERY_S)
            now_s = clock.now_s()
            if now_s - began_s >= self._settings.max_session_s:
                break
            if now_s - self._last_frame_s >= self._settings.idle_timeout_s:
                break
            if now_s - checked_s >= KEY_EVERY_S:
                checked_s = now_s
                if not await keys.is_good(claim.key_id):
                    break
        session.end(EndReason.ROOM_CLOSED)

    def _on_event(self, name: str, fields: dict[str, Any]) -> None:
        if self._wants_events:
            with suppress(asyncio.QueueFull):
                self._events.put_nowait(messages.event(name, fields))

    async def _write_events(self) -> None:
        while True:
            await self._send_text(await self._events.get())

    async def _send_text(self, text: str) -> None:
        async with asyncio.timeout(STUCK_S), self._sending:
            await self._websocket.send_text(text)

    async def _send_audio(self, frame: bytes) -> None:
        try:
            async with asyncio.timeout(STUCK_S), self._sending:
                await self._websocket.send_bytes(frame)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            # The reader learns of it, or the client is stuck: either way this session is over.
            if self._session is not None:
                self._session.end(EndReason.ROOM_CLOSED)

    def leave_soon(self) -> None:
        """The server is about to stop: finish the sentence, then say so."""
        self._leaving = True
        if self._session is not None:
            self._session.end_when_quiet(EndReason.SERVER_SHUTDOWN)

    def leave_now(self) -> None:
        """The time for that is over."""
        if self._session is not None:
            self._session.end(EndReason.SERVER_SHUTDOWN)

    def _account(self, session: Session, claim: SessionClaim, began_s: float) -> None:
        record = session.record
        kept = {"transcript": session.transcript} if self._settings.keep_transcripts else {}
        log.info(
            "session_ended",
            tenant=claim.tenant,
            agent=claim.agent,
            seconds=round(self._services.clock.now_s() - began_s, 1),
            turns=record.turns,
            interruptions=record.interruptions,
            failures=record.failures,
            heard_s=round(record.heard_ms / 1000, 1),
            dropped_s=round(record.dropped_ms / 1000, 1),
            worst_latency_ms=max(record.latencies_ms, default=None),
            **kept,
        )

    def _spawn(self, work: Any, name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        return task

    async def aclose(self) -> None:
        """Leave nothing running."""
        if self._session is not None:
            await self._session.aclose()
        self._place.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._websocket.application_state is WebSocketState.CONNECTED:
            with suppress(WebSocketDisconnect, RuntimeError):
                await self._websocket.close(messages.NORMAL_CLOSE)
