"""Telnyx-style text to speech."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from voxgate.services import Services

__all__ = ["routes"]

WEBSOCKET_PATHS = ("/v2/text-to-speech/speech", "/v2/text-to-speech")


def routes(services: Services) -> list[BaseRoute]:
    """Make the routes of this protocol."""
    # Not above: whoever needs but a pure module of this package should not load the server.
    from starlette.routing import WebSocketRoute

    from voxgate.protocols.telnyx.rest import rest_routes
    from voxgate.protocols.telnyx.rest_dictionaries import dictionary_routes
    from voxgate.protocols.telnyx.upgrade import Door

    door = Door(services)
    sockets = (WebSocketRoute(path, door.answer) for path in WEBSOCKET_PATHS)
    return [*sockets, *rest_routes(services).routes, *dictionary_routes(services).routes]
