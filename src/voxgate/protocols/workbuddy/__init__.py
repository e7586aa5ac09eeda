"""WorkBuddy-style voice-agent sessions."""

from __future__ import annotations

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from voxgate.protocols.workbuddy.rest import PREFIX, rest_routes
from voxgate.protocols.workbuddy.socket import run_socket
from voxgate.services import Services


def routes(services: Services) -> list[BaseRoute]:
    """Return the doors of this protocol."""

    async def session(websocket: WebSocket) -> None:
        await run_socket(websocket, services)

    return [*rest_routes(services), WebSocketRoute(f"{PREFIX}/ws", session)]
