"""Uplift-style text to speech: many requests on one connection."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, WebSocketRoute

from voxgate.protocols.uplift.rest import rest_routes
from voxgate.protocols.uplift.socket import SocketDoor
from voxgate.protocols.uplift.socketio import SocketIoDoor
from voxgate.services import Services

__all__ = ["routes"]

WEBSOCKET_PATH = "/v1/text-to-speech/multi-stream"
SOCKETIO_PATH = "/socket.io"


def routes(services: Services) -> list[BaseRoute]:
    """Make the routes of this protocol."""
    return [
        WebSocketRoute(WEBSOCKET_PATH, SocketDoor(services).answer),
        Mount(SOCKETIO_PATH, SocketIoDoor(services)),
        *rest_routes(services),
    ]
