"""The Socket.IO door: Engine.IO 4 and Socket.IO 5, by WebSocket or long polling with upgrade.

python-socketio speaks the protocol. What it leaves open is closed here: its send queue has no bound, a
client that was refused may stay, one that joins no namespace may stay too, attachments are gathered without
end, and a client can raise the events by which it tells of connections. Audio goes past its ``emit``, which
starts a task for each message and cannot take one back.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import orjson
import socketio
import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from voxgate.access.browser_tokens import Front, Grant
from voxgate.access.callers import identify
from voxgate.errors import NotAuthenticated, Overloaded, VoxgateError
from voxgate.observe.logs import error_fields
from voxgate.protocols.uplift.messages import NOT_JSON, code_of, parse, read
from voxgate.protocols.uplift.socket_session import Session
from voxgate.protocols.uplift.socketio_engine import PacketQueue, Wire
from voxgate.protocols.uplift.socketio_link import NAMESPACE, EngineLink
from voxgate.protocols.uplift.socketio_post import MAX_BODY_BYTES, read_post, with_body
from voxgate.rest.door import BadBody, BodyProblem
from voxgate.services import Services

PING_INTERVAL_S, PING_TIMEOUT_S = 25, 20
"""As Uplift's server announces them (source: Uplift contract, raw frames)."""
MAX_STRANGERS = 1000
"""Connections that have not joined the namespace yet; further ones are refused."""
POST_TIMEOUT_S = 30.0
"""Until what was posted is taken: not before there is room for the answers."""

_MESSAGES_A_TURN = 8
"""Messages of one client that are handled before every other connection has had its turn."""
_WIRE = "voxgate.wire"
_PACKETS_TAKEN = frozenset("0123")
"""First characters of the Socket.IO packets taken: connect, disconnect, event, ack. None with attachments."""

_POST_REFUSALS = {
    BodyProblem.TOO_LARGE: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A post has at most 256 KiB"),
    BodyProblem.TOO_SLOW: (HTTPStatus.REQUEST_TIMEOUT, "The body did not come in time"),
}

log = structlog.get_logger()


class SocketIoDoor:
    """An ASGI app for ``/socket.io/``: one for the life of the server."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._links: dict[str, EngineLink] = {}
        self._strangers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: set[tuple[str, str]] = set()
        self._server = socketio.AsyncServer(
            async_mode="asgi",
            async_handlers=False,  # a client's events are taken in order, and no more than we keep up with
            json=_Json,
            logger=_LibraryLog("voxgate.socketio"),
            engineio_logger=_LibraryLog("voxgate.engineio"),
            namespaces=[NAMESPACE],
            monitor_clients=False,  # its task would never end; see `EngineLink.watch`
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            max_http_buffer_size=MAX_BODY_BYTES,
            http_compression=False,  # base64 of audio hardly shrinks
            cors_allowed_origins="*",  # nothing is granted by cookie
            cors_credentials=False,
        )
        self._server.on("connect", self._join, namespace=NAMESPACE)
        self._server.on("disconnect", self._on_leave, namespace=NAMESPACE)
        self._server.on("*", self._on_event, namespace=NAMESPACE)
        self._engine = self._server.eio
        self._engine.create_queue = PacketQueue
        self._inner = dict(self._engine.handlers)
        self._engine.on("connect", self._on_open)
        self._engine.on("message", self._on_packet)
        self._engine.on("disconnect", self._on_closed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request or WebSocket."""
        found = parse_qs(scope["query_string"].decode("latin-1")).get("sid")
        sid = found[0] if found else None
        if sid is None and (self._services.drain.begun or self._strangers >= MAX_STRANGERS):
            await _unavailable()(scope, receive, send)
            return
        kind = scope.get("method", "websocket")
        if sid is None:
            await self._take(kind, None, scope, receive, send)
        elif (sid, kind) in self._under_way:
            # Two polls at a time would share the packets out between them.
            await _refused(HTTPStatus.BAD_REQUEST, "One request at a time")(scope, receive, send)
        else:
            self._under_way.add((sid, kind))
            try:
                await self._take(kind, self._links.get(sid), scope, receive, send)
            finally:
                self._under_way.discard((sid, kind))

    async def _take(
        self, kind: str, link: EngineLink | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if kind == "websocket":
            wire = Wire(scope, receive, send)
            try:
                if link is not None:
                    link.attach(wire)  # an upgrade
                await self._server.handle_request({**scope, _WIRE: wire}, wire.receive, wire.send)
            finally:
                wire.on_end()
        elif kind == "POST":
            await self._take_post(link, scope, receive, send)
        else:
            await self._server.handle_request(scope, receive, send)

    async def _take_post(self, link: EngineLink | None, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_post(scope, receive)
        except BadBody as error:
            refusal = _POST_REFUSALS[error.problem]
        except ClientDisconnect:
            return
        else:
            refusal = (HTTPStatus.BAD_REQUEST, "These are no Engine.IO packets")
            if body is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(POST_TIMEOUT_S):
                        await self._server.handle_request(*with_body(scope, body), send)
                        return
                refusal = (HTTPStatus.REQUEST_TIMEOUT, "Answers to earlier messages were not fetched")
        if link is not None:
            await link.cut()
        await _refused(*refusal)(scope, receive, send)

    # Engine.IO: connections.

    async def _on_open(self, sid: str, environ: dict[str, Any]) -> None:
        link = self._links[sid] = EngineLink(self._engine.sockets[sid], self._spawn)
        if (wire := environ["asgi.scope"].get(_WIRE)) is not None:
            link.attach(wire)
        # python-engineio makes a class anew for each connection's body, of which there is none.
        environ.pop("wsgi.input", None)
        self._strangers += 1
        link.watch(self._services.settings.uplift.join_timeout_s, PING_INTERVAL_S, PING_TIMEOUT_S)
        await self._inner["connect"](sid, environ)
        link.held.enter_context(self._services.drain.guest(link.finish, link.leave))

    async def _on_packet(self, sid: str, data: object) -> None:
        link = self._links.get(sid)
        if link is None or link.was_refused():
            return
        if not isinstance(data, str) or data[:1] not in _PACKETS_TAKEN:
            await link.cut()
            return
        before = link.session
        try:
            await self._inner["message"](sid, data)
        except Exception as error:
            # Whatever python-socketio makes of what is no packet. It would say nothing, and the client wait.
            log.debug("socket.io packet failed", **error_fields(error))
            if link.session is not None:
                await link.session.room()
                link.session.receive(NOT_JSON)
            return
        # Only now has python-socketio answered a connect packet: `ready` comes after it.
        if link.session is not before:
            self._spawn(self._serve(link), "uplift-session")
        elif link.was_refused():
            self._spawn(link.close(), "uplift-refused")

    async def _on_closed(self, sid: str, reason: str) -> None:
        link = self._links.pop(sid, None)
        if link is not None:
            self._strangers -= link.session is None
            link.gone()
        await self._inner["disconnect"](sid, reason)
        self._engine.sockets.pop(sid, None)

    # Socket.IO: the namespace.

    async def _join(self, sid: str, *sent: Any) -> None:
        """Admit a client that connects to the namespace, or refuse it."""
        link = self._link(sid)
        if link is None:
            raise socketio.exceptions.ConnectionRefusedError("The connection is over")
        if link.session is not None:  # no connect packet, but an event of this name
            await self._on_event("connect", sid, *sent)
            return
        environ, auth = sent
        try:
            grant = await self._admit(link, environ, auth.get("token") if isinstance(auth, dict) else None)
        except VoxgateError as error:
            log.info("uplift connect refused", code=error.code)
            link.refuse()
            message = "Invalid API key" if isinstance(error, NotAuthenticated) else error.message
            details = {"code": code_of(error).value}
            raise socketio.exceptions.ConnectionRefusedError(message, details) from None
        self._strangers -= 1
        link.session = Session(self._services, grant, link)
        log.info("uplift session began", key_id=grant.key.key_id, door="socket.io")

    async def _admit(self, link: EngineLink, environ: dict[str, Any], token: object) -> Grant:
        if not isinstance(token, str) or not token:
            raise NotAuthenticated("Connect with auth: { token: <API key> }")
        services, origin = self._services, environ.get("HTTP_ORIGIN")
        is_key = await services.keys.authenticate(token) is not None
        grant = await identify(
            services.keys,
            services.browser_tokens,
            Front.UPLIFT,
            authorization=f"Bearer {token}" if is_key else None,
            token=None if is_key else token,
            origin=origin,
            allowed_origins=services.settings.server.allowed_origins,
        )
        await services.limits.check(grant.key)
        link.held.enter_context(services.limits.connection(grant.key))
        await services.quota.prepare(grant.key)
        if services.drain.begun:
            raise Overloaded("The server is about to stop")
        return grant

    async def _serve(self, link: EngineLink) -> None:
        assert link.session is not None  # noqa: S101 - it was just made
        try:
            await link.session.run()
        except Exception as error:
            # The last line of defence, at the root of a connection's task.
            log.error("connection failed unexpectedly", **error_fields(error))
        finally:
            await link.give_up()

    async def _on_event(self, event: str, sid: str, *sent: Any) -> None:
        link = self._link(sid)
        if link is None or link.session is None:
            return
        await link.session.room()
        link.taken += 1
        if link.taken % _MESSAGES_A_TURN == 0:
            await asyncio.sleep(0)
        try:
            link.session.receive(read(event, sent[0] if sent else None))
        except Exception as error:
            # The last line of defence: python-engineio would go on as if nothing had happened.
            log.error("connection failed unexpectedly", **error_fields(error))
            link.session.end()

    async def _on_leave(self, sid: str, *_reason: Any) -> None:
        link = self._link(sid)
        if link is not None and link.session is not None:
            link.session.end()

    def _link(self, sid: str) -> EngineLink | None:
        """Find the connection behind a namespace's id."""
        return self._links.get(self._server.manager.eio_sid_from_sid(sid, NAMESPACE))

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Json:
    """orjson as python-socketio wants it."""

    @staticmethod
    def dumps(data: object, **_options: Any) -> str:
        return orjson.dumps(data).decode()

    @staticmethod
    def loads(text: str, **_options: Any) -> object:
        return parse(text)


class _LibraryLog(logging.Logger):
    """Keeps quiet: what the libraries log quotes clients. Of their errors, type and place are told."""

    def __init__(self, name: str) -> None:
        super().__init__(name, logging.CRITICAL + 1)

    def exception(self, msg: object, *args: object, **options: Any) -> None:
        error = sys.exc_info()[1]
        # Nearly always a client's packet that cannot be read.
        log.debug("socket.io packet failed", **(error_fields(error) if error is not None else {}))


def _unavailable() -> JSONResponse:
    return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "The server takes no more connections just now")


def _refused(status: HTTPStatus, message: str) -> JSONResponse:
    body = {"statusCode": status.value, "message": message, "error": status.phrase}
    headers = {"Retry-After": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
    return JSONResponse(body, status, headers)
