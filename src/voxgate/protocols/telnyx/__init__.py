"""Telnyx-style text to speech."""

from __future__ import annotations

from starlette.routing import BaseRoute, WebSocketRoute

from voxgate.protocols.telnyx.upgrade import Door
from voxgate.services import Services

__all__ = ["routes"]

WEBSOCKET_PATHS = ("/v2/text-to-speech/speech", "/v2/text-to-speech")


def routes(services: Services) -> list[BaseRoute]:
    """Make the routes of this protocol."""
    door = Door(services)
    return [WebSocketRoute(path, door.answer) for path in WEBSOCKET_PATHS]
