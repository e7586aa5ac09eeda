"""The browser console at ``/`` and the JavaScript client at ``/voxgate.js``: files of the package.

They are read once and answered from memory. A browser asks each time whether its copy is still good, and is
told so with 304, so that a new version of the server is never seen through an old page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from voxgate.server.answers import not_found
from voxgate.services import Services

PAGE = "index.html"
CLIENT = "client/"
"""The folder that pages of other origins import from."""

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "html": "text/html; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
    }
)
# Modules are never run unless their type is right, and a page that quotes a stranger's voice name or words
# must not be able to run anything that is not in this folder.
_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "permissions-policy": "microphone=(self)",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_FOR_EVERYBODY = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file.

    Attributes:
        body: its bytes.
        etag: changes when they do.
        headers: of its answers.
    """

    body: bytes
    etag: str
    headers: Mapping[str, str]

    def answer(self, request: Request) -> Response:
        """Answer with the file, or with 304 when the browser has it."""
        if _has(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=self.headers)
        return Response(self.body, headers=self.headers)


def routes(services: Services) -> list[BaseRoute]:
    """Make the routes."""
    assets = {name: _asset(name, file.read_bytes()) for name, file in _files(_folder())}

    async def page(request: Request) -> Response:
        return assets[PAGE].answer(request)

    async def module(request: Request) -> Response:
        return assets["voxgate.js"].answer(request)

    async def asset(request: Request) -> Response:
        found = assets.get(request.path_params["name"])
        return not_found() if found is None else found.answer(request)

    return [
        Route("/", page, include_in_schema=False),
        Route("/voxgate.js", module, include_in_schema=False),
        Route("/console/{name:path}", asset, include_in_schema=False),
    ]


def _folder() -> Traversable:
    return resources.files("voxgate.server").joinpath("console")


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        name = prefix + entry.name
        if entry.is_dir():
            yield from _files(entry, f"{name}/")
        elif entry.name.rpartition(".")[2] in MEDIA_TYPES:
            yield name, entry


def _asset(name: str, body: bytes) -> Asset:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    shared = _FOR_EVERYBODY if name.startswith(CLIENT) or name == "voxgate.js" else {}
    media_type = MEDIA_TYPES[name.rpartition(".")[2]]
    return Asset(body, etag, {**_HEADERS, **shared, "etag": etag, "content-type": media_type})


def _has(if_none_match: str, etag: str) -> bool:
    """Tell whether a browser's copy is this one (source: RFC 9110, 13.1.2; compared weakly, as it says)."""
    given = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in given or "*" in given
