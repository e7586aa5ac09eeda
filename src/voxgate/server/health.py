"""Is it alive, is it ready, which version is it."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from voxgate import __version__
from voxgate.drain import Drain
from voxgate.server.answers import unavailable

ALWAYS_ANSWERED = frozenset({"/healthz", "/readyz", "/version", "/socket.io/"})
"""Paths that are answered even while the server is about to stop. Socket.IO refuses newcomers itself: clients
that poll must be able to fetch the end of what they asked for."""


def health_routes(drain: Drain) -> APIRouter:
    """Make the routes of a server that has started."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Whether the process is alive")
    async def healthz() -> JSONResponse:
        return _alive()

    @router.get("/readyz", summary="Whether it takes new connections, and if not, why")
    async def readyz() -> JSONResponse:
        return _readiness(["draining"] if drain.begun else [])

    @router.get("/version", summary="What runs here")
    async def version() -> JSONResponse:
        return JSONResponse({"name": "voxgate", "version": __version__})

    return router


async def starting(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, as an ASGI app, until the engines are up: alive, not ready, and nothing else."""
    match scope["path"]:
        case "/healthz":
            answer = _alive()
        case "/readyz":
            answer = _readiness(["starting"])
        case _:
            answer = unavailable("The server is starting.")
    await answer(scope, receive, send)


def _alive() -> JSONResponse:
    return JSONResponse({"alive": True})


def _readiness(reasons: list[str]) -> JSONResponse:
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    return JSONResponse({"ready": not reasons, "reasons": reasons}, status_code=status)
