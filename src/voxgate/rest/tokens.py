"""``POST /v1/tokens``: a short-lived token for a page, made for an API key and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from voxgate.access.browser_tokens import MAX_TTL_S, Front, Scope
from voxgate.errors import InvalidRequest, InvalidVoice, VoxgateError
from voxgate.rest.door import (
    BodyProblem,
    Mistake,
    headers_of,
    key_of,
    route_class,
    status_of,
)
from voxgate.rest.openapi import BEARER, Problems, refusals
from voxgate.server.answers import error_answer
from voxgate.services import Services
from voxgate.speech.voice import VoiceName

PATH = "/v1/tokens"
DEFAULT_TTL_S = 60


def _voice(name: str) -> str:
    try:
        return str(VoiceName.parse(name)).lower()
    except InvalidVoice as error:
        raise ValueError(error.message) from None


Voice = Annotated[str, AfterValidator(_voice)]


class TokenRequest(BaseModel):
    """What the token is good for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"fronts": ["telnyx"], "origin": "https://app.example", "seconds": 60}]
        },
    )

    fronts: list[Front] = Field(default=[], description="Doors it opens; none named: all that take tokens.")
    voices: list[Voice] = Field(default=[], max_length=100, description="Voices it may ask for; none: any.")
    providers: list[str] = Field(default=[], max_length=100, description="Providers likewise.")
    characters: int | None = Field(default=None, ge=1, description="Characters of text in all.")
    origin: str | None = Field(
        default=None,
        max_length=300,
        pattern=r"^https?://[^/\s]+$",
        description="The page's origin; an upgrade from any other is refused.",
    )
    seconds: int = Field(default=DEFAULT_TTL_S, ge=1, le=MAX_TTL_S, description="How long it is good.")
    reusable: bool = Field(
        default=False, description="Good for any number of connections until it expires, not just one."
    )


class TokenAnswer(BaseModel):
    """The token."""

    token: str
    expires_in: int = Field(description="Seconds.")


class _Dialect:
    """Words refusals as the server's own pages do. A `voxgate.rest.door.Dialect`."""

    def refuse(self, error: VoxgateError) -> Response:
        return error_answer(status_of(error), error.code, error.message, headers=headers_of(error))

    def refuse_fields(self, mistakes: Sequence[Mistake]) -> Response:
        name, message = ".".join(mistakes[0].field), mistakes[0].message
        return self.refuse(InvalidRequest(f"{name}: {message}", field=name))

    def refuse_body(self, problem: BodyProblem) -> Response:
        return error_answer(problem.status, problem.name.lower(), problem.value)

    def refuse_method(self, allowed: str) -> Response:
        return error_answer(
            HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "Use POST.", headers={"Allow": allowed}
        )


def routes(services: Services) -> list[BaseRoute]:
    """Make the route."""
    router = APIRouter(route_class=route_class(services, _Dialect()), tags=["tokens"])
    described = {
        400: "A field is wrong, or the body cannot be read",
        401: "No API key, or a wrong one",
        405: "Another method than POST",
        408: "The body did not come in time",
        413: "The body is too large",
        429: "Too many requests",
    }

    @router.post(
        PATH,
        status_code=HTTPStatus.CREATED,
        dependencies=[BEARER],
        responses=refusals(Problems, described),
        summary="Make a token for a browser",
    )
    async def make(request: Request, wanted: TokenRequest) -> TokenAnswer:
        scope = Scope(
            frozenset(wanted.fronts),
            frozenset(wanted.voices),
            frozenset(provider.lower() for provider in wanted.providers),
            wanted.characters,
            wanted.origin,
            wanted.reusable,
        )
        token = services.browser_tokens.issue(key_of(request), scope, wanted.seconds)
        return TokenAnswer(token=token, expires_in=wanted.seconds)

    return list(router.routes)
