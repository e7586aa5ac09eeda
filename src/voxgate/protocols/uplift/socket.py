"""The plain WebSocket: ``/v1/text-to-speech/multi-stream``, with the key in the upgrade's header.

A bad key is refused with a real 401: the official SDK would take an error after the upgrade for a
connection that stands (source: Uplift SDK).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

import structlog
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from voxgate.access.browser_tokens import Front, Grant
from voxgate.access.callers import identify
from voxgate.errors import Overloaded, VoxgateError
from voxgate.protocols.uplift.messages import decode
from voxgate.protocols.uplift.socket_session import Disconnected, Session
from voxgate.rest.door import headers_of, status_of
from voxgate.services import Services

_MESSAGES_A_TURN = 8
"""Messages of one client that are handled before every other connection has had its turn."""

log = structlog.get_logger()


class SocketDoor:
    """The endpoint: one for the life of the server."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, websocket: WebSocket) -> None:
        """Take one upgrade."""
        with ExitStack() as held:
            try:
                grant = await self._admit(websocket, held)
            except VoxgateError as error:
                log.info("uplift upgrade refused", code=error.code)
                await websocket.send_denial_response(_refusal(error))
                return
            await websocket.accept()
            session = Session(self._services, grant, _WebSocketLink(websocket))
            held.enter_context(self._services.drain.guest(session.finish, session.leave))
            log.info("uplift session began", key_id=grant.key.key_id, door="websocket")
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(_read(websocket, session), name="uplift-reader")
                await session.run()
                reading.cancel()

    async def _admit(self, websocket: WebSocket, held: ExitStack) -> Grant:
        """Check who asks (401, or 403 for a page or token that is not for here) and how often (429)."""
        services = self._services
        grant = await identify(
            services.keys,
            services.browser_tokens,
            Front.UPLIFT,
            authorization=websocket.headers.get("authorization"),
            token=websocket.query_params.get("token"),
            origin=websocket.headers.get("origin"),
            allowed_origins=services.settings.server.allowed_origins,
        )
        await services.limits.check(grant.key)
        held.enter_context(services.limits.connection(grant.key))
        await services.quota.prepare(grant.key)
        if services.drain.begun:  # since the guard let this upgrade in
            raise Overloaded("The server is about to stop")
        return grant


async def _read(websocket: WebSocket, session: Session) -> None:
    for number in count(1):
        await session.room()
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            session.end()
            return
        session.receive(decode(message.get("text")))
        if number % _MESSAGES_A_TURN == 0:
            await asyncio.sleep(0)


class _WebSocketLink:
    """A WebSocket as the session sees it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        # Only voxgate's own server tells; without it every wait that is too long counts as none.
        extensions = websocket.scope.get("extensions", {})
        unsent: Callable[[], int] = extensions.get("voxgate.unsent", int)
        self.progress = unsent
        self._abort: Callable[[], object] = extensions.get("voxgate.abort", int)

    async def send(self, text: str, request: int | None) -> None:
        try:
            await self._websocket.send_text(text)
        except WebSocketDisconnect:
            raise Disconnected from None

    def recall(self, request: int) -> None:
        """Do nothing: what waits is taken back by cancelling `send`, and what was written is gone."""

    def abort(self) -> None:
        self._abort()

    async def close(self, code: int, reason: str) -> None:
        try:
            await self._websocket.close(code, reason)
        except WebSocketDisconnect:
            raise Disconnected from None


def _refusal(error: VoxgateError) -> JSONResponse:
    """Answer in the shape of Uplift's REST API (source: Uplift hackathon guide)."""
    status = status_of(error)
    body = {"statusCode": status.value, "message": error.message, "error": status.phrase}
    return JSONResponse(body, status.value, headers_of(error))
