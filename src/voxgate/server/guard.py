"""The outermost layer of the app: refuses what comes too late, and contains what goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from voxgate.drain import Drain
from voxgate.observe.logs import error_fields
from voxgate.server.answers import internal_error, unavailable
from voxgate.server.health import ALWAYS_ANSWERED

log = structlog.get_logger()

_INTERNAL_ERROR = 1011  # RFC 6455, 7.4.1


class Guard:
    """Stands before an app's doors.

    While the server drains, new requests and upgrades are answered 503. An unexpected error is answered 500,
    or ends its socket with 1011, and is logged without anything it might quote.

    Args:
        sockets: takes WebSockets.
        requests: takes HTTP requests.
        drain: whether the server is about to stop.
    """

    def __init__(self, sockets: ASGIApp, requests: ASGIApp, drain: Drain) -> None:
        self._sockets = sockets
        self._requests = requests
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request or socket; an ASGI app."""
        if scope["type"] == "lifespan":
            await self._requests(scope, receive, send)
        elif self._drain.begun and scope["path"] not in ALWAYS_ANSWERED:
            await unavailable("The server is about to stop.")(scope, receive, send)
        else:
            await self._contain(scope, receive, send)

    async def _contain(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered = False

        # Not a coroutine function: it stands in the way of every frame, and should cost nothing.
        def watched(message: Message) -> Awaitable[None]:
            nonlocal answered
            answered = True
            return send(message)

        of_socket = scope["type"] == "websocket"
        app = self._sockets if of_socket else self._requests
        try:
            await app(scope, receive, watched)
        except (WebSocketDisconnect, ClientDisconnected):
            pass  # the client went away in mid-sentence: nothing to answer, nothing wrong
        except Exception as error:
            # The last line of defence, at the root of every connection's task.
            log.error("connection failed unexpectedly", path=_route(scope), **error_fields(error))
            if not answered:
                await internal_error()(scope, receive, send)
            elif of_socket:
                await _close(send)
            else:
                raise  # half an answer: uvicorn cuts the connection, so that it cannot pass for a whole one


async def _close(send: Send) -> None:
    try:
        await send({"type": "websocket.close", "code": _INTERNAL_ERROR, "reason": "Internal error"})
    except (ClientDisconnected, RuntimeError):
        pass  # it is closed already


def _route(scope: Scope) -> str | None:
    """Name the route by its pattern: a path itself may hold anything."""
    return getattr(scope.get("route"), "path", None)
