"""Tokens and heartbeat of voice sessions.

Source: WorkBuddy docs, authentication page. Pages in browsers call both with the API key, so both answer
CORS preflights. The 503 of a full server, with ``Retry-After``, is voxgate's own, and so is the optional
body ``{"agent": "name"}``.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voxgate.access.keys import ApiKey
from voxgate.errors import (
    CapacityError,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    RateLimited,
    VoxgateError,
)
from voxgate.services import Services

PREFIX = "/api/v1/sdk"
MAX_BODY_BYTES = 4096
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Expose-Headers": "Retry-After",
    "Access-Control-Max-Age": "600",
}


def rest_routes(services: Services) -> list[Route]:
    """Return the REST routes."""

    async def token(request: Request) -> Response:
        return await _answer(request, services, _issue)

    async def heartbeat(request: Request) -> Response:
        return await _answer(request, services, _beat)

    return [
        Route(f"{PREFIX}/token", token, methods=["POST", "OPTIONS"]),
        Route(f"{PREFIX}/heartbeat", heartbeat, methods=["POST", "OPTIONS"]),
    ]


async def _answer(request: Request, services: Services, work: Any) -> Response:
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=_CORS)
    try:
        key = await _authenticate(request, services)
        return JSONResponse(await work(request, services, key), headers=_CORS)
    except VoxgateError as error:
        return refusal(error)


async def _authenticate(request: Request, services: Services) -> ApiKey:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    key = await services.keys.authenticate(secret.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise NotAuthenticated("The API key is missing or invalid")
    await services.limits.check(key)
    return key


async def _issue(request: Request, services: Services, key: ApiKey) -> dict[str, str]:
    name, _ = services.agents.profile(await _asked_agent(request))
    services.agents.admit()
    services.agents.warm_up()
    return {"token": services.session_tokens.issue(key, name), "ws_url": _ws_url(request, services)}


async def _beat(request: Request, services: Services, key: ApiKey) -> dict[str, str]:
    return {"status": "ok"}


async def _asked_agent(request: Request) -> str | None:
    """Read the optional body; an empty one with a JSON content type is what the documented client sends."""
    received = b""
    async for piece in request.stream():
        received += piece
        if len(received) > MAX_BODY_BYTES:
            raise InvalidRequest("The body is too large")
    if not received.strip():
        return None
    try:
        body = orjson.loads(received)
    except orjson.JSONDecodeError:
        raise InvalidRequest("The body is not JSON") from None
    agent = body.get("agent") if isinstance(body, dict) else None
    if agent is not None and not isinstance(agent, str):
        raise InvalidRequest("The agent must be a name", field="agent")
    return agent


def _ws_url(request: Request, services: Services) -> str:
    """The address clients reach the socket at: the public one if it is set, else as they reached this."""
    public = services.settings.server.public_url
    base = str(public).rstrip("/") if public else str(request.base_url).rstrip("/")
    scheme, _, rest = base.partition("://")
    return f"{'wss' if scheme in ('https', 'wss') else 'ws'}://{rest}{PREFIX}/ws"


def refusal(error: VoxgateError) -> JSONResponse:
    """Answer a request, or an upgrade, that is refused."""
    headers = dict(_CORS)
    match error:
        case NotAuthenticated():
            status, name = 401, "unauthorized"
        case NotPermitted():
            status, name = 403, "forbidden"
        case NotFound() | InvalidRequest():
            status, name = 400, "bad_request"
        case RateLimited():
            status, name = 429, "rate_limited"
        case CapacityError():
            status, name = 503, "unavailable"
        case _:
            status, name = 500, "internal_error"
    if isinstance(error, CapacityError):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s or 1)))
    return JSONResponse({"error": name, "message": error.message}, status, headers)
