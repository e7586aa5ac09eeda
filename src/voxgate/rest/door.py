"""What the doors share: who asks, what a body may be, and which status an error has.

A door is an `APIRouter` whose routes are made by `route_class`. They judge a request in the order 401, 429,
413, 400, and answer every refusal in the door's own words (`Dialect`), with no handler on the app.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, Protocol, cast

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from voxgate.access.keys import ApiKey
from voxgate.errors import (
    CapacityError,
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Overloaded,
    ProviderRejected,
    ProviderTimeout,
    RateLimited,
    SynthesisError,
    VoxgateError,
)
from voxgate.services import Services

BODY_TIMEOUT_S = 30.0
"""From the end of a request's head until its body is complete."""

_STATUS: Sequence[tuple[type[VoxgateError], HTTPStatus]] = (
    (NotAuthenticated, HTTPStatus.UNAUTHORIZED),
    (NotPermitted, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (InvalidRequest, HTTPStatus.BAD_REQUEST),
    (RateLimited, HTTPStatus.TOO_MANY_REQUESTS),
    (Overloaded, HTTPStatus.SERVICE_UNAVAILABLE),
    (ProviderRejected, HTTPStatus.BAD_REQUEST),
    (ProviderTimeout, HTTPStatus.GATEWAY_TIMEOUT),
    (SynthesisError, HTTPStatus.BAD_GATEWAY),
)


def status_of(error: VoxgateError) -> HTTPStatus:
    """Choose the HTTP status of an error."""
    kinds = (status for kind, status in _STATUS if isinstance(error, kind))
    return next(kinds, HTTPStatus.INTERNAL_SERVER_ERROR)


def headers_of(error: VoxgateError) -> dict[str, str]:
    """Make the headers that go with an error: how to authenticate, or when to come back."""
    if isinstance(error, NotAuthenticated):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, CapacityError):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_s or 1)))}
    return {}


class BodyProblem(Enum):
    """A body that cannot be judged field by field; the value says why."""

    NOT_JSON = "The body is not JSON."
    NOT_AN_OBJECT = "The body must be a JSON object."
    WRONG_TYPE = "The body must be JSON; send it with the header Content-Type: application/json."
    TOO_LARGE = "The body is too large."
    TOO_SLOW = "The body did not come in time."

    @property
    def status(self) -> HTTPStatus:
        """Of the answer."""
        match self:
            case BodyProblem.TOO_LARGE:
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            case BodyProblem.TOO_SLOW:
                return HTTPStatus.REQUEST_TIMEOUT
            case _:
                return HTTPStatus.BAD_REQUEST


class MistakeKind(Enum):
    """What is wrong with a field."""

    MISSING = "missing"
    CHOICE = "choice"
    RANGE = "range"
    LENGTH = "length"
    TYPE = "type"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A field that is missing or wrong.

    Attributes:
        place: ``body``, ``query`` or ``path``.
        field: where in it, outermost name first.
        kind: what is wrong.
        message: a sentence for people.
    """

    place: str
    field: tuple[str, ...]
    kind: MistakeKind
    message: str


class Dialect(Protocol):
    """How one door words its refusals."""

    def refuse(self, error: VoxgateError) -> Response:
        """Answer an error."""
        ...

    def refuse_fields(self, mistakes: Sequence[Mistake]) -> Response:
        """Answer fields that are missing or wrong, at least one."""
        ...

    def refuse_body(self, problem: BodyProblem) -> Response:
        """Answer a body that cannot be read."""
        ...

    def refuse_method(self, allowed: str) -> Response:
        """Answer a method that is not here, with the header ``Allow``."""
        ...


class BadBody(Exception):
    """A body that cannot be read; a route of `route_class` answers it."""

    def __init__(self, problem: BodyProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


def no_more(request: Request, response: Response) -> None:
    """Leave an answer as it is."""


async def authenticate(request: Request, services: Services) -> ApiKey:
    """Tell who asks, by the header, and count the request.

    Raises:
        NotAuthenticated: there is no good key.
        RateLimited: the key's minute is used up.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    key = await services.keys.authenticate(secret.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise NotAuthenticated("Send a valid API key with the header Authorization: Bearer <key>")
    await services.limits.check(key)
    return key


def route_class(
    services: Services,
    dialect: Dialect,
    *,
    who_asks: Callable[[Request, Services], Awaitable[ApiKey]] = authenticate,
    finish: Callable[[Request, Response], None] = no_more,
) -> type[APIRoute]:
    """Make the class of a door's routes (``APIRouter(route_class=...)``).

    Args:
        services: of the server.
        dialect: words refusals.
        who_asks: tells who asks; raises when nobody may.
        finish: puts on every answer, refusals too, what the door puts there.
    """

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle, takes_body = super().get_route_handler(), self.body_field is not None

            async def answered(request: Request) -> Response:
                response = await judged(request)
                finish(request, response)
                return response

            async def judged(request: Request) -> Response:
                try:
                    request.state.key = await who_asks(request, services)
                    if takes_body:
                        request = _with_body(request, await read_json(request, services))
                    return await handle(request)
                except VoxgateError as error:
                    return dialect.refuse(error)
                except RequestValidationError as error:
                    mistakes = _mistakes(error)
                    if isinstance(mistakes, BodyProblem):
                        return dialect.refuse_body(mistakes)
                    return dialect.refuse_fields(mistakes)
                except BadBody as error:
                    return dialect.refuse_body(error.problem)
                except HTTPException:
                    # FastAPI's word for JSON that breaks its parser: too deep, or no text at all.
                    return dialect.refuse_body(BodyProblem.NOT_JSON)
                except ClientDisconnect:
                    return Response(status_code=HTTPStatus.BAD_REQUEST)  # to nobody

            return answered

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            if self.methods and scope["method"] not in self.methods:
                await dialect.refuse_method(", ".join(sorted(self.methods)))(scope, receive, send)
            else:
                await super().handle(scope, receive, send)

    return Route


def key_of(request: Request) -> ApiKey:
    """Return the key that a judged request was made with."""
    return cast(ApiKey, request.state.key)


async def read_json(request: Request, services: Services) -> bytes:
    """Read a JSON body within its limits; raises `BadBody`. It is not parsed."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise BadBody(BodyProblem.WRONG_TYPE)
    body = b"".join([part async for part in bounded(request, services.settings.rest.max_body_kib << 10)])
    if not body.strip():
        raise BadBody(BodyProblem.NOT_JSON)
    return body


async def bounded(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Yield a body as it comes; raises `BadBody` when it is too large or too slow."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise BadBody(BodyProblem.TOO_LARGE)
    left_bytes = max_bytes
    parts = request.stream()
    until_s = asyncio.get_running_loop().time() + BODY_TIMEOUT_S
    while True:
        try:
            async with asyncio.timeout_at(until_s):
                part = await anext(parts, None)
        except TimeoutError:
            raise BadBody(BodyProblem.TOO_SLOW) from None
        if part is None:
            return
        left_bytes -= len(part)
        if left_bytes < 0:
            raise BadBody(BodyProblem.TOO_LARGE)
        yield part


def _with_body(request: Request, body: bytes) -> Request:
    """Return a request that gives ``body``."""

    async def give() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, give)


_KINDS = {
    "missing": MistakeKind.MISSING,
    "literal_error": MistakeKind.CHOICE,
    "enum": MistakeKind.CHOICE,
    "greater_than": MistakeKind.RANGE,
    "greater_than_equal": MistakeKind.RANGE,
    "less_than": MistakeKind.RANGE,
    "less_than_equal": MistakeKind.RANGE,
    "finite_number": MistakeKind.RANGE,
    "string_too_short": MistakeKind.LENGTH,
    "string_too_long": MistakeKind.LENGTH,
    "too_long": MistakeKind.LENGTH,
}


_ALTERNATIVES = ("str", "int", "float", "bool")
"""How pydantic ends a place with the alternative that it tried, where a field may be of several types."""


def _mistakes(error: RequestValidationError) -> list[Mistake] | BodyProblem:
    found: dict[tuple[str, ...], Mistake] = {}
    for mistake in error.errors():
        place, *field = mistake["loc"]
        if mistake["type"] == "json_invalid":
            return BodyProblem.NOT_JSON
        if place == "body" and not field:
            return BodyProblem.NOT_AN_OBJECT
        if len(field) > 1 and field[-1] in _ALTERNATIVES:
            field.pop()
        name = (*map(str, field),)
        kind = _KINDS.get(mistake["type"], MistakeKind.TYPE)
        found.setdefault(name, Mistake(str(place), name, kind, str(mistake["msg"])))
    return list(found.values())
