"""Telnyx's pronunciation dictionaries: ``/v2/pronunciation_dicts``.

Source: Telnyx docs, pronunciation dictionaries; API reference. What is wrong with a field in itself is 422,
and what is wrong in an item or a file is 400, with its place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import PurePath
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from voxgate.errors import InvalidRequest, VoxgateError
from voxgate.protocols.telnyx.rest_dictionary_models import (
    MAX_NAME_CHARACTERS,
    Dictionaries,
    DictionaryChange,
    NewDictionary,
    OneDictionary,
    record,
)
from voxgate.protocols.telnyx.rest_errors import BAD_REQUEST, TelnyxDialect, envelope
from voxgate.protocols.telnyx.rest_models import ErrorEnvelope
from voxgate.rest.door import key_of, read_json, route_class
from voxgate.rest.openapi import BEARER, refusals
from voxgate.rest.upload import is_form, read_form
from voxgate.services import Services
from voxgate.speech.lexicon import LexiconEntry
from voxgate.speech.lexicon_files import MAX_FILE_BYTES, entries_from_file, entries_from_items
from voxgate.storage.lexicons import LexiconKind

PATH = "/v2/pronunciation_dicts"
DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 20, 250

_KIND = LexiconKind.PRONUNCIATION
_Body = TypeVar("_Body", bound=BaseModel)

_REFUSALS = {
    400: "The body cannot be read, an item is wrong (`source` names it), the name is taken, or there are 50 "
    "dictionaries already.",
    401: "No valid key.",
    422: "A field is missing or wrong; `source` names it.",
    429: "The key's limit is used up; `Retry-After` says when to come back.",
}
_NOT_FOUND = {404: "There is none, or none of this tenant's."}
_CONFLICT = {409: "It was changed meanwhile: fetch it again, and then change it."}
_EXAMPLE = {
    "errors": [
        {
            "code": "10015",
            "title": "Bad Request",
            "detail": "The phoneme has '☃' (U+2603), which is not among the IPA symbols known",
            "source": {"pointer": "/items/0/phoneme"},
            "meta": {"url": "https://developers.telnyx.com/docs/overview/errors/10015"},
        }
    ]
}


class _Dialect(TelnyxDialect):
    """In an item, what is wrong is a bad request, and no setting of a voice."""

    def refuse(self, error: VoxgateError) -> Response:
        if isinstance(error, InvalidRequest):
            source = {"pointer": "/" + error.field.replace(".", "/")} if error.field else None
            return envelope(HTTPStatus.BAD_REQUEST, BAD_REQUEST, error.message, source)
        return super().refuse(error)


def dictionary_routes(services: Services) -> APIRouter:
    """Make the routes."""
    door = _Door(services)
    routes = APIRouter(
        prefix=PATH,
        tags=["Telnyx"],
        route_class=route_class(services, _Dialect()),
        dependencies=[BEARER],
        responses=refusals(ErrorEnvelope, _REFUSALS, _EXAMPLE),
    )
    created, one = HTTPStatus.CREATED, "/{dictionary_id}"
    missing = refusals(ErrorEnvelope, _NOT_FOUND, _EXAMPLE)
    routes.add_api_route(
        "",
        door.create,
        methods=["POST"],
        status_code=created,
        response_model=OneDictionary,
        openapi_extra=_CREATE,
        summary="Make a pronunciation dictionary",
    )
    routes.add_api_route(
        "", door.page, response_model=Dictionaries, summary="List pronunciation dictionaries"
    )
    routes.add_api_route(
        one,
        door.get,
        response_model=OneDictionary,
        responses=missing,
        summary="Fetch a pronunciation dictionary",
    )
    routes.add_api_route(
        one,
        door.update,
        methods=["PATCH"],
        response_model=OneDictionary,
        responses={**missing, **refusals(ErrorEnvelope, _CONFLICT, _EXAMPLE)},
        openapi_extra=_body(DictionaryChange),
        summary="Change a pronunciation dictionary",
    )
    routes.add_api_route(
        one,
        door.delete,
        methods=["DELETE"],
        status_code=HTTPStatus.NO_CONTENT,
        responses=missing,
        summary="Forget a pronunciation dictionary",
    )
    return routes


def _body(model: type[BaseModel], **others: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a body that the door reads itself."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": {**content, **others}}}


_CREATE = _body(
    NewDictionary,
    **{
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "PLS (XML), or lines `word=alias` and `word:/ipa/`; 1 MiB at most.",
                    },
                    "name": {
                        "type": "string",
                        "maxLength": MAX_NAME_CHARACTERS,
                        "description": "The file's, without its ending, when not given.",
                    },
                },
            }
        }
    },
)


class _Door:
    """Answers requests whose key is in order."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lexicons = services.lexicons

    async def create(self, request: Request) -> Response:
        """Make a dictionary of JSON items or of a file: PLS (XML), or lines `word=alias` and `word:/ipa/`."""
        name, entries = await (self._uploaded(request) if is_form(request) else self._written(request))
        made = await self._lexicons.create(key_of(request).tenant, _KIND, name, entries)
        return _answer({"data": record(made)}, HTTPStatus.CREATED)

    async def page(
        self,
        request: Request,
        number: Annotated[int, Query(alias="page[number]", ge=1, le=1_000_000)] = 1,
        size: Annotated[int, Query(alias="page[size]", ge=1, le=MAX_PAGE_SIZE)] = DEFAULT_PAGE_SIZE,
    ) -> Response:
        """List the tenant's dictionaries, the oldest first."""
        found, total = await self._lexicons.list(
            key_of(request).tenant, _KIND, first=(number - 1) * size, most=size
        )
        page = {
            "page_number": number,
            "page_size": size,
            "total_pages": math.ceil(total / size),
            "total_results": total,
        }
        return _answer({"data": [record(each) for each in found], "meta": page})

    async def get(self, dictionary_id: str, request: Request) -> Response:
        """Give a dictionary."""
        found = await self._lexicons.get(key_of(request).tenant, _KIND, dictionary_id)
        return _answer({"data": record(found)})

    async def update(self, dictionary_id: str, request: Request) -> Response:
        """Change the name, the items or both."""
        tenant = key_of(request).tenant
        # Looked up before the body is read: a change that comes in meanwhile is a conflict.
        before = await self._lexicons.get(tenant, _KIND, dictionary_id)
        change = await self._read(request, DictionaryChange)
        if change.name is None and change.items is None:
            return _answer({"data": record(before)})
        with _places():
            entries = entries_from_items(change.items) if change.items is not None else None
        changed = await self._lexicons.update(
            tenant,
            _KIND,
            dictionary_id,
            version=before.version if change.version is None else change.version,
            name=change.name,
            entries=entries,
        )
        return _answer({"data": record(changed)})

    async def delete(self, dictionary_id: str, request: Request) -> Response:
        """Forget a dictionary for good."""
        await self._lexicons.delete(key_of(request).tenant, _KIND, dictionary_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _written(self, request: Request) -> tuple[str, list[LexiconEntry]]:
        body = await self._read(request, NewDictionary)
        with _places():
            return body.name, entries_from_items(body.items)

    async def _uploaded(self, request: Request) -> tuple[str, list[LexiconEntry]]:
        async with read_form(request, MAX_FILE_BYTES) as form:
            name = form.fields.get("name") or PurePath(form.file.filename or "").stem
            data = await form.file.read()
        if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
            raise InvalidRequest(f"name has 1 to {MAX_NAME_CHARACTERS} characters", field="name")
        with _places():
            entries = entries_from_file(data)
        if not entries:
            raise InvalidRequest("There is no item in the file", field="file")
        return name, entries

    async def _read(self, request: Request, model: type[_Body]) -> _Body:
        """Read a JSON body; whatever is wrong is raised as FastAPI would."""
        body = await read_json(request, self._services)
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            mistakes = [{**mistake, "loc": ("body", *mistake["loc"])} for mistake in error.errors()]
            raise RequestValidationError(mistakes) from None


@contextmanager
def _places() -> Iterator[None]:
    """Turn the places that the readers name, ``items[3].alias`` and ``file, line 3``, into fields."""
    try:
        yield
    except InvalidRequest as error:
        field, _, line = (error.field or "").partition(", ")
        message = f"{error.message} ({line})" if line else error.message
        raise InvalidRequest(message, field=field.replace("[", ".").replace("]", "")) from None


def _answer(body: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
