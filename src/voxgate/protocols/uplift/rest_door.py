"""What all of Uplift's REST addresses share: refusals in NestJS's shape, headers, and pages of any origin.

Source: Uplift docs, API reference; SDK (``x-uplift-ai-*``). Browsers post straight to this API, so it answers
pages of any origin; a key is needed all the same, and no cookie is ever looked at.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from http import HTTPStatus

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from voxgate.access.keys import ApiKey
from voxgate.audio.format import AudioFormat, Codec
from voxgate.errors import NotAuthenticated, RateLimited, VoxgateError
from voxgate.rest.answers import VOICE_HEADER
from voxgate.rest.door import (
    BodyProblem,
    Mistake,
    authenticate,
    headers_of,
    route_class,
    status_of,
)
from voxgate.rest.openapi import BEARER, refusals
from voxgate.services import Services

REQUEST_ID = "x-uplift-ai-request-id"
DURATION = "x-uplift-ai-audio-duration"
SAMPLE_RATE = "x-uplift-ai-sample-rate"
BIT_RATE = "x-uplift-ai-bit-rate"

_EXPOSED = ", ".join((REQUEST_ID, DURATION, SAMPLE_RATE, BIT_RATE, VOICE_HEADER, "Retry-After"))
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "86400",
}
_REFUSALS = {
    401: "No valid key.",
    429: "The key's limit, or its plan's for the day, is used up; `Retry-After` says when to come back.",
}
_BITS = {Codec.PCM_S16LE: 16, Codec.PCM_S32LE: 32, Codec.MULAW: 8}


class Problem(BaseModel):
    """Every refusal, as NestJS words it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"statusCode": 400, "message": "text is empty", "error": "Bad Request"}]
        }
    )

    statusCode: int
    message: str
    error: str = Field(description="The status in words.")
    detail: str | None = Field(default=None, description="More about it, where `message` is a set phrase.")


class UpliftDialect:
    """Words refusals as Uplift does. A `voxgate.rest.door.Dialect`."""

    def refuse(self, error: VoxgateError) -> Response:
        """Answer an error; two have set phrases (source: Uplift's own guide)."""
        match error:
            case RateLimited():
                phrase = "ThrottlerException: Too Many Requests"
            case NotAuthenticated():
                phrase = "invalid authorization"
            case _:
                return problem(status_of(error), error.message, headers=headers_of(error))
        return problem(status_of(error), phrase, error.message, headers_of(error))

    def refuse_fields(self, mistakes: Sequence[Mistake]) -> Response:
        """Answer every mistake, in one line."""
        told = (f"{'.'.join(mistake.field)}: {mistake.message}" for mistake in mistakes)
        return problem(HTTPStatus.BAD_REQUEST, "; ".join(told))

    def refuse_body(self, body: BodyProblem) -> Response:
        """Answer a body that cannot be read."""
        return problem(body.status, body.value)

    def refuse_method(self, allowed: str) -> Response:
        """Answer a method that is not here."""
        status = HTTPStatus.METHOD_NOT_ALLOWED
        return with_origins(problem(status, f"This address takes {allowed}.", headers={"Allow": allowed}))


_DIALECT = UpliftDialect()


def uplift_router(
    services: Services,
    prefix: str = "",
    *,
    who_asks: Callable[[Request, Services], Awaitable[ApiKey]] = authenticate,
) -> APIRouter:
    """Make a router whose routes do what all of them do."""
    return APIRouter(
        prefix=prefix,
        tags=["Uplift"],
        route_class=route_class(services, _DIALECT, who_asks=who_asks, finish=finish),
        dependencies=[BEARER],
        responses=refusals(Problem, _REFUSALS),
    )


def refuse(request: Request, error: VoxgateError) -> Response:
    """Answer an error that came up when the answer was already being made."""
    response = _DIALECT.refuse(error)
    finish(request, response)
    return response


def problem(
    status: HTTPStatus, message: str, detail: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    """Answer one refusal."""
    fields: dict[str, object] = {"statusCode": status, "message": message, "error": status.phrase}
    if detail is not None:
        fields["detail"] = detail
    return json_answer(fields, status, headers)


def json_answer(
    fields: object, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response:
    """Answer with JSON."""
    return Response(orjson.dumps(fields), status, headers, "application/json")


def finish(request: Request, response: Response) -> None:
    """Put on an answer what every one has: the request's id, and that any page may read it."""
    if not hasattr(request.state, "uplift_id"):
        request.state.uplift_id = str(uuid.uuid4())
    response.headers[REQUEST_ID] = request.state.uplift_id
    with_origins(response)


def with_origins(response: Response) -> Response:
    """Let pages of any origin read an answer and its headers."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    return response


def describe(response: Response, audio_format: AudioFormat, duration_s: float | None = None) -> None:
    """Tell about audio in its answer's headers; of a stream nobody knows how long it will be."""
    response.headers[SAMPLE_RATE] = str(audio_format.rate_hz)
    if bits_a_second := _bits_a_second(audio_format):
        response.headers[BIT_RATE] = str(bits_a_second)
    if duration_s is not None:
        response.headers[DURATION] = str(round(duration_s * 1000))


def _bits_a_second(audio_format: AudioFormat) -> int | None:
    if audio_format.codec in _BITS:
        return _BITS[audio_format.codec] * audio_format.rate_hz
    return audio_format.coded_kbps * 1000 if audio_format.coded_kbps else None


def preflights(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """Make the routes that answer what browsers ask before they send a request with a key."""

    async def preflight(request: Request) -> Response:
        return with_origins(Response(status_code=HTTPStatus.NO_CONTENT, headers=_PREFLIGHT))

    paths = dict.fromkeys(route.path for route in routes if isinstance(route, Route))
    return [Route(path, preflight, methods=["OPTIONS"], include_in_schema=False) for path in paths]
