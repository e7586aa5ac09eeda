from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from voxgate.client.voices import PATH, fetch_voices
from voxgate.errors import InvalidRequest, NotAuthenticated, ProviderUnavailable

RECORD = {"id": "Local.Espeak.ur", "language": "ur"}


@asynccontextmanager
async def server_with(answer: web.Response) -> AsyncIterator[tuple[str, list[web.BaseRequest]]]:
    asked: list[web.BaseRequest] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request)
        return answer

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def test_the_records_come_as_they_are_and_filters_go_along() -> None:
    async with server_with(web.json_response({"voices": [RECORD]})) as (server, asked):
        assert await fetch_voices(server, "vg_key", {"language": "ur"}) == [RECORD]
    (request,) = asked
    assert request.path == PATH
    assert dict(request.query) == {"language": "ur"}
    assert request.headers["Authorization"] == "Bearer vg_key"


async def test_refusals_are_errors() -> None:
    body = {"errors": [{"detail": "No."}]}
    async with server_with(web.json_response(body, status=401)) as (server, _):
        with pytest.raises(NotAuthenticated, match="No"):
            await fetch_voices(server, None)
    async with server_with(web.json_response(body, status=400)) as (server, _):
        with pytest.raises(InvalidRequest, match="No"):
            await fetch_voices(server, None, {"provider": "nix"})


@pytest.mark.parametrize("text", ["", "<html>", "[]", '{"voices": 5}', '{"voices": [5]}', '{"voices"'])
async def test_what_is_no_list_is_told(text: str) -> None:
    async with server_with(web.Response(text=text)) as (server, _):
        with pytest.raises(ProviderUnavailable, match="no list of voices"):
            await fetch_voices(server, None)


async def test_nobody_there_is_told() -> None:
    async with server_with(web.Response()) as (server, _):
        pass
    with pytest.raises(ProviderUnavailable, match="Connection refused"):
        await fetch_voices(server, None)
