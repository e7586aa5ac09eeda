"""``GET /v1/capabilities``: what each provider can do, and which are set up here."""

from __future__ import annotations

import math

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from voxgate.errors import VoxgateError
from voxgate.providers._table import ProviderRow, rows
from voxgate.rest.door import authenticate
from voxgate.rest.openapi import BEARER, Problems, refusals
from voxgate.server.answers import refusal_answer
from voxgate.services import Services

CAPABILITIES = "/v1/capabilities"


class ProviderAnswer(ProviderRow):
    """A provider over one transport."""

    configured: bool = Field(description="Whether it speaks on this server.")
    waits_s: float = Field(description="Seconds for which it is left alone after failures; 0 for none.")


class CapabilitiesAnswer(BaseModel):
    """What each provider can do. In the table is only what a test has shown."""

    providers: list[ProviderAnswer]


def routes(services: Services) -> list[BaseRoute]:
    """Make the route."""

    async def capabilities(request: Request) -> JSONResponse:
        try:
            await authenticate(request, services)
        except VoxgateError as error:
            return refusal_answer(error)
        return JSONResponse(_answer(services).model_dump())

    router = APIRouter(tags=["figures"], dependencies=[BEARER])
    router.add_api_route(
        CAPABILITIES,
        capabilities,
        response_model=CapabilitiesAnswer,
        summary="What each provider can do",
        responses=refusals(Problems, {401: "No key, or a wrong one", 429: "Too many requests"}),
    )
    return router.routes


def _answer(services: Services) -> CapabilitiesAnswer:
    now_s = services.clock.now_s()
    states = services.speaker.breakers.states(now_s)
    waits = {name: wait_s for (name, account), wait_s in states.items() if not account}
    return CapabilitiesAnswer(
        providers=[
            ProviderAnswer(
                **each.model_dump(),
                configured=services.router.speaks(each.provider),
                waits_s=math.ceil(waits.get(each.provider, 0.0) * 10) / 10,
            )
            for each in rows()
        ]
    )
