"""Uplift's phrase replacements: ``/v1/synthesis/phrase-replacement-config``.

Source: Uplift docs and SDK; updates are POSTs there. Of two updates at once the later counts.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from voxgate.protocols.uplift.rest_door import Problem, json_answer, uplift_router
from voxgate.protocols.uplift.rest_models import PhraseReplacement, PhraseReplacementConfig
from voxgate.rest.door import key_of
from voxgate.rest.openapi import refusals
from voxgate.services import Services
from voxgate.speech.lexicon_files import entries_from_replacements
from voxgate.storage.lexicons import LexiconKind, StoredLexicon

PATH = "/v1/synthesis/phrase-replacement-config"

_KIND = LexiconKind.PHRASES
_REFUSALS = {400: "A phrase is missing or wrong, or there are 100 configurations already."}
_NOT_FOUND = {404: "There is none, or none of this tenant's."}


class _Body(BaseModel):
    """Phrases, read by `voxgate.speech.lexicon_files`, which says which of them is wrong, and in what."""

    model_config = ConfigDict(strict=True, title="PhraseReplacements")

    name: Annotated[str | None, Field(max_length=255)] = None
    phraseReplacements: Annotated[
        list[Any], WithJsonSchema({"type": "array", "items": PhraseReplacement.model_json_schema()})
    ]


def phrase_routes(services: Services) -> APIRouter:
    """Make the routes."""
    door = _Door(services)
    routes = uplift_router(services, PATH)
    one, wrong, missing = "/{config_id}", refusals(Problem, _REFUSALS), refusals(Problem, _NOT_FOUND)
    shape: dict[str, Any] = {"response_model": PhraseReplacementConfig, "response_model_exclude_none": True}
    routes.add_api_route(
        "",
        door.create,
        methods=["POST"],
        status_code=HTTPStatus.CREATED,
        responses=wrong,
        summary="Keep phrase replacements",
        **shape,
    )
    routes.add_api_route(
        "", door.all, response_model=list[PhraseReplacementConfig], summary="List phrase replacements"
    )
    routes.add_api_route(one, door.get, responses=missing, summary="Fetch phrase replacements", **shape)
    routes.add_api_route(
        one,
        door.update,
        methods=["POST"],
        responses={**wrong, **missing},
        summary="Replace phrase replacements",
        **shape,
    )
    routes.add_api_route(
        one, door.delete, methods=["DELETE"], responses=missing, summary="Forget phrase replacements"
    )
    return routes


class _Door:
    """Answers requests whose key and body are in order."""

    def __init__(self, services: Services) -> None:
        self._lexicons = services.lexicons

    async def create(self, body: _Body, request: Request) -> Response:
        """Keep phrases to be replaced before a text is spoken; ask for them by the `configId`."""
        entries = entries_from_replacements(body.phraseReplacements)
        made = await self._lexicons.create(key_of(request).tenant, _KIND, body.name or "", entries)
        return json_answer(_config(made), HTTPStatus.CREATED)

    async def all(self, request: Request) -> Response:
        """List all of the tenant's, the oldest first."""
        found, _ = await self._lexicons.list(key_of(request).tenant, _KIND)
        return json_answer([_config(each) for each in found])

    async def get(self, config_id: str, request: Request) -> Response:
        """Give one."""
        return json_answer(_config(await self._lexicons.get(key_of(request).tenant, _KIND, config_id)))

    async def update(self, config_id: str, body: _Body, request: Request) -> Response:
        """Put others in their place; the name stays unless there is a new one."""
        changed = await self._lexicons.update(
            key_of(request).tenant,
            _KIND,
            config_id,
            version=None,
            name=body.name,
            entries=entries_from_replacements(body.phraseReplacements),
        )
        return json_answer(_config(changed))

    async def delete(self, config_id: str, request: Request) -> Response:
        """Forget one for good."""
        await self._lexicons.delete(key_of(request).tenant, _KIND, config_id)
        return json_answer({"configId": config_id, "deleted": True})


def _config(stored: StoredLexicon) -> dict[str, Any]:
    named = {"name": stored.name} if stored.name else {}
    phrases = [{"phrase": entry.text, "replacement": entry.alias} for entry in stored.entries]
    return {"configId": stored.lexicon_id, **named, "phraseReplacements": phrases}
