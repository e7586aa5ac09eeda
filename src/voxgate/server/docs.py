"""``/docs``: the REST API as a page to read and try, with nothing loaded from elsewhere.

The page is Swagger UI, whose files come with the package fastapi-offline; only its few files are used.
"""

from __future__ import annotations

import importlib.util
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from voxgate.server.answers import not_found
from voxgate.services import Services

_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_HEADERS = {
    "cache-control": "no-cache",
    # Swagger UI sets styles on its elements; scripts are files only.
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>voxgate: the REST API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = 'SwaggerUIBundle({ url: "/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null });\n'


def routes(services: Services) -> list[BaseRoute]:
    """Make the routes."""
    package = importlib.util.find_spec("fastapi_offline")
    folder = Path(package.origin).parent / "static" if package is not None and package.origin else None

    async def page(request: Request) -> Response:
        return HTMLResponse(_PAGE, headers=_HEADERS)

    async def start(request: Request) -> Response:
        return Response(_START, HTTPStatus.OK, _HEADERS, "text/javascript")

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if folder is None or name not in _FILES:
            return not_found()
        return FileResponse(folder / name, media_type=_FILES[name], headers=_HEADERS)

    return [
        Route("/docs", page, include_in_schema=False),
        Route("/docs/start.js", start, include_in_schema=False),
        Route("/docs/{name}", file, include_in_schema=False),
    ]
