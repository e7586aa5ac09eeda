"""OpenAI's speech endpoint."""

from __future__ import annotations

from starlette.routing import BaseRoute

from voxgate.protocols.openai.rest import router
from voxgate.services import Services

__all__ = ["router", "routes"]


def routes(services: Services) -> list[BaseRoute]:
    """Make the routes of this protocol."""
    return router(services).routes
