"""Puts the parts together: `build_services` makes one of each, `build_app` opens their doors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from voxgate import __version__
from voxgate.access.browser_tokens import BrowserTokens
from voxgate.access.keys import open_keys
from voxgate.access.limits import Limits
from voxgate.access.plans import Plans
from voxgate.access.quota import Quota
from voxgate.access.streams import StreamGate
from voxgate.access.tokens import TOKEN_FILE, SessionTokens
from voxgate.clock import Clock, LoopClock
from voxgate.config import Settings
from voxgate.conversation.agents import Agents
from voxgate.drain import Drain
from voxgate.observe.metrics import Figures
from voxgate.observe.receipts import log_receipt
from voxgate.protocols import openai, telnyx, uplift, workbuddy
from voxgate.rest import tokens
from voxgate.server import admin, capabilities, console, docs
from voxgate.server.answers import error_answer, refuse_socket
from voxgate.server.guard import Guard
from voxgate.server.health import health_routes
from voxgate.server.speech import open_speech
from voxgate.services import Services
from voxgate.speech.audio_store import AudioStore
from voxgate.storage.database import open_database
from voxgate.storage.files import kept_secret
from voxgate.storage.lexicons import Lexicons
from voxgate.transcription import Transcriber

Doors = Callable[[Services], Sequence[BaseRoute]]
"""What each protocol's package offers: its routes, given the services."""

DOORS: tuple[Doors, ...] = (
    telnyx.routes,
    uplift.routes,
    openai.routes,
    workbuddy.routes,
    tokens.routes,
    admin.routes,
    capabilities.routes,
    console.routes,
    docs.routes,
)


@asynccontextmanager
async def build_services(
    settings: Settings, *, clock: Clock | None = None, figures: Figures | None = None
) -> AsyncIterator[Services]:
    """Make one of each, start the engines, and take all down again at the block's end.

    Raises:
        ConfigurationError: a setting, most likely the data folder, cannot be used.
    """
    clock = clock or LoopClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.data_dir))
        figures = figures or Figures()
        sinks = (log_receipt, figures)
        router, speaker = await stack.enter_async_context(
            open_speech(settings, clock, sinks, ask_vendors=True)
        )
        keys, secret = open_keys(settings, database, clock), kept_secret(settings.data_dir / TOKEN_FILE)
        plans = Plans(settings.plans)
        quota = Quota(database, clock, plans)
        stack.push_async_callback(quota.aclose)
        agents = Agents(settings.agents, speaker, router, clock)
        stack.push_async_callback(agents.aclose)
        transcriber = Transcriber(settings.transcription, clock)
        stack.push_async_callback(transcriber.aclose)
        yield Services(
            settings=settings,
            clock=clock,
            speaker=speaker,
            router=router,
            keys=keys,
            limits=Limits(settings.limits, plans),
            quota=quota,
            stream_gate=StreamGate(plans),
            drain=Drain(),
            figures=figures,
            agents=agents,
            browser_tokens=BrowserTokens(secret, clock, keys),
            session_tokens=SessionTokens(
                secret,
                clock,
                ttl_s=settings.agents.token_ttl_s,
                single_use=settings.agents.single_use_tokens,
            ),
            lexicons=Lexicons(database, clock),
            audio_store=AudioStore(
                clock, max_bytes=settings.rest.audio_store_mib << 20, ttl_s=settings.rest.audio_ttl_s
            ),
            transcriber=transcriber,
        )


def build_app(services: Services, doors: Iterable[Doors] = DOORS) -> ASGIApp:
    """Make the ASGI app: every door, the health routes, and JSON answers for what is not here.

    WebSockets go through a router of their own, past FastAPI's layers, which would handle every frame.
    """
    routes = [route for door in doors for route in door(services)]
    sockets = Router([*routes, WebSocketRoute("/{path:path}", refuse_socket)])
    api = FastAPI(
        title="voxgate",
        version=__version__,
        docs_url=None,  # it loads its scripts from elsewhere; `voxgate.server.docs` does not
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _http_error, Exception: _leave_to_guard},
    )
    api.include_router(health_routes(services.drain))
    api.router.routes.extend(routes)
    return Guard(sockets, api, services.drain)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    """Answer 404, 405 and their like as JSON."""
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.BAD_REQUEST
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else None
    return error_answer(status, status.name.lower(), status.description or status.phrase, headers=headers)


async def _leave_to_guard(request: Request, error: Exception) -> _NoAnswer:
    """Keep Starlette from answering an unexpected error: it raises it again, and the guard answers."""
    return _NoAnswer()


class _NoAnswer(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pass
