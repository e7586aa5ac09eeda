"""How the server is doing: live figures for whoever has a key, and every key's usage for the admin key."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from voxgate import __version__
from voxgate.errors import NotAuthenticated, NotPermitted, VoxgateError
from voxgate.observe.metrics import FIRST_AUDIO_BOUNDS_MS, Figures, Usage
from voxgate.rest.openapi import BEARER, Problems, refusals
from voxgate.server.answers import refusal_answer
from voxgate.services import Services

FIGURES, KEYS = "/v1/figures", "/v1/keys"


class Live(BaseModel):
    """What is going on at this moment."""

    connections: int = Field(description="Open WebSockets of all protocols.")
    streams: int = Field(description="Utterances that are being spoken.")
    sessions: int = Field(description="Voice-agent sessions.")
    max_sessions: int = Field(description="Voice-agent sessions that there may be.")
    draining: bool = Field(description="Whether the server is about to stop.")


class FirstAudio(BaseModel):
    """A histogram of times to first audio, in milliseconds."""

    bounds_ms: list[int] = Field(description="Upper bound of each bucket but the last, which has none.")
    counts: list[int] = Field(description="Utterances in each bucket; one more than there are bounds.")


class ProviderFigures(BaseModel):
    """What one provider did."""

    provider: str
    utterances: int
    failed: int


class FiguresAnswer(BaseModel):
    """Figures since the server started."""

    version: str
    uptime_s: float
    live: Live
    utterances: int
    cached: int = Field(description="Utterances answered from the cache.")
    cache_bytes: int = Field(description="Audio in the cache now.")
    characters_accepted: int
    characters_sent: int = Field(description="Of text handed to providers; the cache saved the rest.")
    audio_made_s: float
    audio_delivered_s: float
    first_audio: FirstAudio
    outcomes: dict[str, int]
    errors: dict[str, int] = Field(description="Failed utterances by the error's code.")
    providers: list[ProviderFigures] = Field(description="The busiest first.")


class UsageAnswer(BaseModel):
    """What a key's tenant has used since the server started."""

    utterances: int
    failed: int
    characters: int
    audio_s: float


class KeyAnswer(BaseModel):
    """A key, without its secret."""

    key_id: str
    name: str
    tenant: str
    plan: str
    identity_verified: bool
    created_s: float = Field(description="Seconds since the Unix epoch.")
    revoked_s: float | None
    usage: UsageAnswer


class KeysAnswer(BaseModel):
    """Every key, the oldest first."""

    keys: list[KeyAnswer]


def routes(services: Services) -> list[BaseRoute]:
    """Make the routes."""
    desk = _Desk(services)
    router = APIRouter(tags=["figures"], dependencies=[BEARER])
    router.add_api_route(
        FIGURES,
        desk.figures,
        response_model=FiguresAnswer,
        summary="How the server is doing",
        description="For any API key, and for the admin key.",
        responses=refusals(Problems, {401: "No key, or a wrong one", 429: "Too many requests"}),
    )
    router.add_api_route(
        KEYS,
        desk.keys,
        response_model=KeysAnswer,
        summary="Every key and its usage",
        description="For the admin key only.",
        responses=refusals(Problems, {401: "No key, or a wrong one", 403: "Not the admin key"}),
    )
    return router.routes


class _Desk:
    """Answers those who may know."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._began_s = services.clock.now_s()
        admin_key = services.settings.admin_key
        self._admin_secret = admin_key.get_secret_value().encode() if admin_key else None

    async def figures(self, request: Request) -> JSONResponse:
        return await self._answer(request, self._figures)

    async def keys(self, request: Request) -> JSONResponse:
        return await self._answer(request, self._keys)

    async def _answer(self, request: Request, work: Callable[[str], Awaitable[BaseModel]]) -> JSONResponse:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        try:
            answer = await work(secret.strip() if scheme.lower() == "bearer" else "")
        except VoxgateError as error:
            return refusal_answer(error)
        return JSONResponse(answer.model_dump(), headers={"cache-control": "no-store"})

    def _is_admin(self, secret: str) -> bool:
        given = secret.encode(errors="surrogatepass")
        return self._admin_secret is not None and hmac.compare_digest(given, self._admin_secret)

    async def _figures(self, secret: str) -> FiguresAnswer:
        services = self._services
        if not self._is_admin(secret):
            key = await services.keys.authenticate(secret)
            if key is None:
                raise NotAuthenticated("Send a valid API key with the header Authorization: Bearer <key>")
            await services.limits.check(key)
        live = Live(
            connections=services.drain.connections,
            streams=services.speaker.streams,
            sessions=services.agents.sessions,
            max_sessions=services.settings.agents.max_sessions,
            draining=services.drain.begun,
        )
        uptime_s = services.clock.now_s() - self._began_s
        return figures_answer(services.figures, live, uptime_s, services.speaker.cache_bytes)

    async def _keys(self, secret: str) -> KeysAnswer:
        services = self._services
        if not self._is_admin(secret):
            if services.settings.admin_key is None:
                raise NotPermitted("This server has no admin key; set one with the setting admin_key")
            raise NotAuthenticated("Send the admin key with the header Authorization: Bearer <key>")
        unused = Usage()
        return KeysAnswer(
            keys=[
                KeyAnswer(
                    key_id=key.key_id,
                    name=key.name,
                    tenant=key.tenant,
                    plan=key.plan,
                    identity_verified=key.identity_verified,
                    created_s=key.created_s,
                    revoked_s=key.revoked_s,
                    usage=_usage(services.figures.tenants.get(key.tenant, unused)),
                )
                for key in await services.keys.list()
            ]
        )


def figures_answer(figures: Figures, live: Live, uptime_s: float, cache_bytes: int) -> FiguresAnswer:
    """Put the figures into the words of the answer."""
    return FiguresAnswer(
        version=__version__,
        uptime_s=round(uptime_s, 1),
        live=live,
        utterances=figures.utterances,
        cached=figures.cached,
        cache_bytes=cache_bytes,
        characters_accepted=figures.characters_accepted,
        characters_sent=figures.characters_sent,
        audio_made_s=round(figures.audio_made_s, 1),
        audio_delivered_s=round(figures.audio_delivered_s, 1),
        first_audio=FirstAudio(bounds_ms=list(FIRST_AUDIO_BOUNDS_MS), counts=figures.first_audio),
        outcomes=dict(figures.outcomes),
        errors=dict(figures.errors.most_common()),
        providers=[
            ProviderFigures(provider=name, utterances=count, failed=figures.failures[name])
            for name, count in figures.providers.most_common()
        ],
    )


def _usage(usage: Usage) -> UsageAnswer:
    return UsageAnswer(
        utterances=usage.utterances,
        failed=usage.failed,
        characters=usage.characters,
        audio_s=round(usage.audio_s, 1),
    )
